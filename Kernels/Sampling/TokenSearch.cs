using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lean.Kernels;

/// <summary>
/// Finds how far a beginning of the order by falling logit reaches, without sorting the row: passes count, or weigh, what
/// lies above a guess. Guesses go down from the largest logit in doubling steps until enough lies above, then halve the
/// interval; blocks of logits below the guess cost one comparison. When no more logits are left than a list holds, they
/// are copied there and searched on, until few are left to sort.
/// </summary>
internal static unsafe class TokenSearch<V> where V : struct, IVec<V>
{
    /// <summary>Logits that passes look at together: where the largest is too small, they are skipped.</summary>
    public const int Block = 4 * Lanes;

    private const int Lanes = IVec<V>.Lanes;
    private const int Listed = 4096;
    private const int Few = 64;

    // The first step down is this part of the interval in which logits weigh anything.
    private const float FirstStep = 1f / 32;

    // Guesses halve the interval of values first, which is quick for logits; then that of bit patterns, which ends.
    private const int ValueGuesses = 16;

    /// <summary>Keeps the first <paramref name="topK"/> tokens.</summary>
    public static TokenCut First(in TokenWeights row, int topK, TokenCut cut)
    {
        // Tokens that weigh nothing are never drawn, so a boundary among them need not be found.
        if (Count(row, row.Least, float.PositiveInfinity) <= topK)
        {
            return cut;
        }

        (float logit, double above, int ties) = Boundary(row, topK, weighs: false);
        return Cut(row, logit, topK - (int)above, ties);
    }

    /// <summary>Keeps the shortest beginning whose share of the weight within <paramref name="cut"/> is at least <paramref name="topP"/>.</summary>
    public static TokenCut Share(in TokenWeights row, float topP, TokenCut cut)
    {
        double target = topP * Kept(row, cut, 0f, 0, row.Count);
        (float logit, double above, int ties) = Boundary(row, target, weighs: true);
        double weight = Weight(row, logit), rank = Math.Max(1, Math.Ceiling((target - above) / weight));

        // The quotient is rounded; products and sums of weights are exact.
        while (rank > 1 && above + ((rank - 1) * weight) >= target)
        {
            rank--;
        }

        while (above + (rank * weight) < target)
        {
            rank++;
        }

        return Cut(row, logit, (int)rank, ties);
    }

    /// <summary>The weight of tokens <paramref name="first"/> … <paramref name="end"/> − 1 as far as they are within the cut and not below min-p.</summary>
    public static double Kept(in TokenWeights row, TokenCut cut, float minP, int first, int end)
    {
        float* lanes = stackalloc float[Lanes], logits = row.Logits;
        V limit = V.Broadcast(cut.Logit), least = V.Broadcast(minP), maximum = V.Broadcast(row.Maximum), inverse = V.Broadcast(row.InverseTemperature);
        Vector512<double> even = Vector512<double>.Zero, odd = even, rounder = Vector512.Create(row.Rounder);
        for (int block = first; block < end; block += Block)
        {
            if (Largest(logits, block, end) < cut.Logit)
            {
                continue;
            }

            int blockEnd = int.Min(block + Block, end);
            for (int i = block; i < blockEnd; i += Lanes)
            {
                V x = blockEnd - i >= Lanes ? V.Load(logits + i) : V.KeepFirst(V.LoadPartial(logits + i, blockEnd - i), blockEnd - i, float.NegativeInfinity);
                V e = VecMath<V>.Exp((x - maximum) * inverse);
                e = V.SelectLess(e, least, V.Zero, e);
                V kept = V.SelectLess(limit, x, e, V.Zero);
                if (i <= cut.Last)
                {
                    int tied = int.Min(cut.Last + 1 - i, Lanes);
                    kept = V.KeepFirst(V.SelectLess(x, limit, V.Zero, e), tied, 0f) + (kept - V.KeepFirst(kept, tied, 0f));
                }

                V.Store(lanes, kept);
                even += (Wide.Load(lanes, Wide.Lanes) + rounder) - rounder;
                odd += (Wide.Load(lanes + Wide.Lanes, Wide.Lanes) + rounder) - rounder;
            }
        }

        return Wide.Sum(even + odd);
    }

    /// <summary>How many logits equal one.</summary>
    public static int Equal(in TokenWeights row, float logit)
    {
        V value = V.Broadcast(logit), one = V.Broadcast(1f), counts = V.Zero;
        for (int i = 0; i < row.Count; i += Lanes)
        {
            int n = int.Min(Lanes, row.Count - i);
            V x = V.LoadPartial(row.Logits + i, n);
            counts += V.KeepFirst(V.SelectLess(x, value, V.Zero, V.SelectLess(value, x, V.Zero, one)), n, 0f);
        }

        return (int)V.Sum(counts);
    }

    /// <summary>
    /// The largest logit t of the row for which the tokens with logits of at least t are, or weigh, at least the target;
    /// what those above t are or weigh; and how many equal t. All tokens that weigh anything must reach the target.
    /// </summary>
    private static (float Logit, double Above, int Ties) Boundary(in TokenWeights row, double target, bool weighs)
    {
        float* list = stackalloc float[Listed];
        TokenWeights left = row;
        float low = row.Least, high = float.BitIncrement(row.Maximum), step = (row.Maximum - row.Least) * FirstStep;
        double above = 0;
        int between = row.Count;
        for (int guess = 0; between > Few && float.BitIncrement(low) < high; guess++)
        {
            if (between <= Listed && left.Count > Listed)
            {
                left = left.With(list, List(left, low, high, list));
            }

            float middle = Middle(low, high, row.Maximum - step, guess);
            (int count, double weight) = weighs ? Weigh(left, middle, high) : (Count(left, middle, high), 0);
            double more = above + (weighs ? weight : count);
            if (more >= target)
            {
                (low, between, step) = (middle, count, float.NaN);
            }
            else
            {
                (high, above, between, step) = (middle, more, between - count, 2 * step);
            }
        }

        return between > Few ? (low, above, Count(left, low, high)) : Sorted(left, low, high, target, above, weighs);
    }

    // Copies the logits in [low, high), of which there are no more than a list holds.
    private static int List(in TokenWeights row, float low, float high, float* list)
    {
        float* logits = row.Logits;
        int all = row.Count, count = 0;
        V from = V.Broadcast(low), to = V.Broadcast(high), one = V.Broadcast(1f);
        for (int i = 0; i < all; i += Lanes)
        {
            int n = int.Min(Lanes, all - i);
            V x = V.LoadPartial(logits + i, n);
            if (n < Lanes || V.MaxLane(V.SelectLess(x, from, V.Zero, V.SelectLess(x, to, one, V.Zero))) > 0f)
            {
                for (int j = i; j < i + n; j++)
                {
                    if (logits[j] >= low && logits[j] < high)
                    {
                        list[count++] = logits[j];
                    }
                }
            }
        }

        return count;
    }

    // Few logits are left in [low, high): sorts them and goes down to the target.
    private static (float Logit, double Above, int Ties) Sorted(in TokenWeights row, float low, float high, double target, double above, bool weighs)
    {
        float* sorted = stackalloc float[Few];
        int count = List(row, low, high, sorted);
        for (int i = 1; i < count; i++)
        {
            float x = sorted[i];
            int place = i;
            for (; place > 0 && sorted[place - 1] < x; place--)
            {
                sorted[place] = sorted[place - 1];
            }

            sorted[place] = x;
        }

        for (int first = 0; ;)
        {
            int end = first + 1;
            while (end < count && sorted[end] == sorted[first])
            {
                end++;
            }

            double more = above + ((end - first) * (weighs ? Weight(row, sorted[first]) : 1));
            if (more >= target || end == count)
            {
                return (sorted[first], above, end - first);
            }

            (first, above) = (end, more);
        }
    }

    /// <summary>How many logits lie in [low, high).</summary>
    private static int Count(in TokenWeights row, float low, float high)
    {
        float* logits = row.Logits;
        int all = row.Count, whole = all / Lanes * Lanes;
        V from = V.Broadcast(low), to = V.Broadcast(high), one = V.Broadcast(1f), counts = V.Zero;
        for (int i = 0; i < whole; i += Lanes)
        {
            V x = V.Load(logits + i);
            counts += V.SelectLess(x, from, V.Zero, V.SelectLess(x, to, one, V.Zero));
        }

        V last = V.LoadPartial(logits + whole, all - whole);
        counts += V.KeepFirst(V.SelectLess(last, from, V.Zero, V.SelectLess(last, to, one, V.Zero)), all - whole, 0f);

        // Whole numbers below 2^24: exact in f32.
        return (int)V.Sum(counts);
    }

    /// <summary>How many logits lie in [low, high), and what they weigh.</summary>
    private static (int Count, double Weight) Weigh(in TokenWeights row, float low, float high)
    {
        float* lanes = stackalloc float[Lanes], logits = row.Logits;
        int all = row.Count;
        V from = V.Broadcast(low), to = V.Broadcast(high), one = V.Broadcast(1f), counts = V.Zero;
        V maximum = V.Broadcast(row.Maximum), inverse = V.Broadcast(row.InverseTemperature);
        Vector512<double> even = Vector512<double>.Zero, odd = even, rounder = Vector512.Create(row.Rounder);
        for (int block = 0; block < all; block += Block)
        {
            if (Largest(logits, block, all) < low)
            {
                continue;
            }

            int end = int.Min(block + Block, all);
            for (int i = block; i < end; i += Lanes)
            {
                V x = end - i >= Lanes ? V.Load(logits + i) : V.KeepFirst(V.LoadPartial(logits + i, end - i), end - i, float.NegativeInfinity);
                V inside = V.SelectLess(x, from, V.Zero, V.SelectLess(x, to, one, V.Zero));
                counts += inside;
                V.Store(lanes, inside * VecMath<V>.Exp((x - maximum) * inverse));
                even += (Wide.Load(lanes, Wide.Lanes) + rounder) - rounder;
                odd += (Wide.Load(lanes + Wide.Lanes, Wide.Lanes) + rounder) - rounder;
            }
        }

        return ((int)V.Sum(counts), Wide.Sum(even + odd));
    }

    /// <summary>The cut behind the first <paramref name="rank"/> of the logits that equal one; there are so many of these.</summary>
    private static TokenCut Cut(in TokenWeights row, float logit, int rank, int ties)
    {
        float* logits = row.Logits;
        int last = rank < ties ? -1 : row.Count - 1;
        while (rank < ties && rank > 0)
        {
            rank -= logits[++last] == logit ? 1 : 0;
        }

        return new TokenCut(logit, last);
    }

    // The step down is NaN once enough lies above the lower end.
    private static float Middle(float low, float high, float down, int guess)
    {
        float middle = down > low && down < high ? down : (0.5f * low) + (0.5f * high);
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
    private static float Largest(float* logits, int block, int end)
    {
        float* x = logits + block;
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

    private static double Weight(in TokenWeights row, float logit) =>
        (VecMath<V>.Exp((logit - row.Maximum) * row.InverseTemperature) + row.Rounder) - row.Rounder;
}
