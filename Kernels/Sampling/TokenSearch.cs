using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lean.Kernels;

/// <summary>
/// Finds how far a beginning of the order by falling logit reaches, without sorting: the boundary is bisected by passes
/// that count, or weigh, what lies above a guess, until few logits are left to sort.
/// </summary>
internal static unsafe class TokenSearch<V> where V : struct, IVec<V>
{
    /// <summary>Logits that passes look at together: where the largest is too small, they are skipped.</summary>
    public const int Block = 4 * Lanes;

    private const int Lanes = IVec<V>.Lanes;
    private const int Few = 128;

    // Guesses halve the interval of values first, which is quick for logits; then that of bit patterns, which ends.
    private const int ValueGuesses = 16;

    /// <summary>Keeps the first <paramref name="topK"/> tokens.</summary>
    public static TokenCut First(in TokenWeights row, int topK, TokenCut cut)
    {
        // Tokens that weigh nothing are never drawn, so a boundary among them need not be found.
        if (Measure(row, row.Least, float.PositiveInfinity, weighs: false).Count <= topK)
        {
            return cut;
        }

        (float logit, double above) = Boundary(row, topK, weighs: false);
        return new TokenCut(logit, Tie(row, logit, topK - (int)above));
    }

    /// <summary>Keeps the shortest beginning whose share of the weight within <paramref name="cut"/> is at least <paramref name="topP"/>.</summary>
    public static TokenCut Share(in TokenWeights row, float topP, TokenCut cut)
    {
        double target = topP * Kept(row, cut, 0f, 0, row.Count);
        (float logit, double above) = Boundary(row, target, weighs: true);
        double weight = Weight(row, logit), ties = Math.Ceiling((target - above) / weight);

        // The quotient is rounded; products and sums of weights are exact.
        while (ties > 1 && above + ((ties - 1) * weight) >= target)
        {
            ties--;
        }

        while (above + (ties * weight) < target)
        {
            ties++;
        }

        return new TokenCut(logit, Tie(row, logit, (int)ties));
    }

    /// <summary>The weight of tokens <paramref name="first"/> … <paramref name="end"/> − 1 as far as they are within the cut and not below min-p.</summary>
    public static double Kept(in TokenWeights row, TokenCut cut, float minP, int first, int end)
    {
        float* lanes = stackalloc float[Lanes];
        V limit = V.Broadcast(cut.Logit), least = V.Broadcast(minP);
        Vector512<double> sum = Vector512<double>.Zero;
        for (int block = first; block < end; block += Block)
        {
            if (Largest(row, block, end) < cut.Logit)
            {
                continue;
            }

            int blockEnd = int.Min(block + Block, end);
            for (int i = block; i < blockEnd; i += Lanes)
            {
                int n = int.Min(Lanes, blockEnd - i), tied = int.Clamp(cut.Last + 1 - i, 0, Lanes);
                V x = V.LoadPartial(row.Logits + i, n), e = Exp(row, x);
                e = V.SelectLess(e, least, V.Zero, e);
                V above = V.SelectLess(limit, x, e, V.Zero), notBelow = V.SelectLess(x, limit, V.Zero, e);
                V kept = V.KeepFirst(notBelow, tied, 0f) + (above - V.KeepFirst(above, tied, 0f));
                Add(ref sum, row, V.KeepFirst(kept, n, 0f), lanes);
            }
        }

        return Wide.Sum(sum);
    }

    /// <summary>
    /// The largest logit t of the row for which the tokens with logits of at least t are, or weigh, at least the target;
    /// and what those above t are or weigh. All tokens that weigh anything must reach the target.
    /// </summary>
    private static (float Logit, double Above) Boundary(in TokenWeights row, double target, bool weighs)
    {
        float low = row.Least, high = float.BitIncrement(row.Maximum);
        double above = 0;
        int between = row.Count;
        for (int guess = 0; between > Few && float.BitIncrement(low) < high; guess++)
        {
            float middle = Middle(low, high, guess);
            (int count, double weight) = Measure(row, middle, high, weighs);
            double more = above + (weighs ? weight : count);
            if (more >= target)
            {
                (low, between) = (middle, count);
            }
            else
            {
                (high, above, between) = (middle, more, between - count);
            }
        }

        return between > Few ? (low, above) : Sorted(row, low, high, target, above, weighs);
    }

    // Few logits are left in [low, high): sorts them and goes down to the target.
    private static (float Logit, double Above) Sorted(in TokenWeights row, float low, float high, double target, double above, bool weighs)
    {
        float* sorted = stackalloc float[Few];
        int count = 0;
        for (int block = 0; block < row.Count; block += Block)
        {
            if (Largest(row, block, row.Count) < low)
            {
                continue;
            }

            for (int i = block; i < int.Min(block + Block, row.Count); i++)
            {
                float x = row.Logits[i];
                if (x >= low && x < high)
                {
                    int place = count++;
                    for (; place > 0 && sorted[place - 1] < x; place--)
                    {
                        sorted[place] = sorted[place - 1];
                    }

                    sorted[place] = x;
                }
            }
        }

        for (int first = 0; ; )
        {
            int end = first + 1;
            while (end < count && sorted[end] == sorted[first])
            {
                end++;
            }

            double more = above + ((end - first) * (weighs ? Weight(row, sorted[first]) : 1));
            if (more >= target || end == count)
            {
                return (sorted[first], above);
            }

            (first, above) = (end, more);
        }
    }

    /// <summary>How many logits lie in [low, high), and their weight where it is asked for.</summary>
    private static (int Count, double Weight) Measure(in TokenWeights row, float low, float high, bool weighs)
    {
        float* lanes = stackalloc float[Lanes];
        V from = V.Broadcast(low), to = V.Broadcast(high), one = V.Broadcast(1f), counts = V.Zero;
        Vector512<double> sum = Vector512<double>.Zero;
        for (int block = 0; block < row.Count; block += Block)
        {
            if (Largest(row, block, row.Count) < low)
            {
                continue;
            }

            int end = int.Min(block + Block, row.Count);
            for (int i = block; i < end; i += Lanes)
            {
                int n = int.Min(Lanes, end - i);
                V x = V.LoadPartial(row.Logits + i, n);
                V inside = V.KeepFirst(V.SelectLess(x, from, V.Zero, V.SelectLess(x, to, one, V.Zero)), n, 0f);
                counts += inside;
                if (weighs)
                {
                    Add(ref sum, row, inside * Exp(row, x), lanes);
                }
            }
        }

        // Counts are whole numbers below 2^24: exact in f32.
        return ((int)V.Sum(counts), Wide.Sum(sum));
    }

    /// <summary>The index of the <paramref name="rank"/>-th of the logits that equal one.</summary>
    private static int Tie(in TokenWeights row, float logit, int rank)
    {
        int i = -1;
        while (rank > 0 && ++i < row.Count)
        {
            rank -= row.Logits[i] == logit ? 1 : 0;
        }

        return i;
    }

    private static float Middle(float low, float high, int guess)
    {
        float middle = (0.5f * low) + (0.5f * high);
        return guess < ValueGuesses && middle > low && middle < high ? middle : FromKey((Key(low) + Key(high)) >> 1);
    }

    // Integers in the order of the floats they stand for.
    private static long Key(float x)
    {
        int bits = BitConverter.SingleToInt32Bits(x);
        return bits < 0 ? (long)int.MinValue - bits - 1 : bits;
    }

    private static float FromKey(long key) => BitConverter.Int32BitsToSingle(key < 0 ? (int)(int.MinValue - (key + 1)) : (int)key);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(in TokenWeights row, int block, int end)
    {
        float* x = row.Logits + block;
        if (end - block >= Block)
        {
            return V.MaxLane(V.Max(V.Max(V.Load(x), V.Load(x + Lanes)), V.Max(V.Load(x + (2 * Lanes)), V.Load(x + (3 * Lanes)))));
        }

        float largest = float.NegativeInfinity;
        for (int i = 0; i < end - block; i++)
        {
            largest = float.Max(largest, x[i]);
        }

        return largest;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Exp(in TokenWeights row, V x) =>
        VecMath<V>.Exp((x - V.Broadcast(row.Maximum)) * V.Broadcast(row.InverseTemperature));

    private static double Weight(in TokenWeights row, float logit) =>
        (VecMath<V>.Exp((logit - row.Maximum) * row.InverseTemperature) + row.Rounder) - row.Rounder;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(ref Vector512<double> sum, in TokenWeights row, V e, float* lanes)
    {
        V.Store(lanes, e);
        Vector512<double> rounder = Vector512.Create(row.Rounder);
        sum += (Wide.Load(lanes, Wide.Lanes) + rounder) - rounder;
        sum += (Wide.Load(lanes + Wide.Lanes, Wide.Lanes) + rounder) - rounder;
    }
}
