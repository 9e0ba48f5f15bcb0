using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// greedy_pick: a row is cut into parts of 4,096 logits, a group each, which reads them once; their winners and sums
/// a second kernel joins in the parts' order. An index says both where and whether: −1 for a fault, V for nothing seen.
/// </summary>
public static class GreedyPick
{
    private const int Threads = BinSums.Threads;

    // Logits of a thread.
    private const int Each = TokenBins.Part / Threads;

    // The bits of an infinity; those of NaN are larger.
    private const int Infinite = 0x7f800000;

    /// <summary>Each part's lowest index of its largest logit, that logit, and Σ exp(logit − it).</summary>
    [Kernel("greedy_pick_parts", Threads, groups: "R", groupsY: "V/4096", Unroll = true)]
    public static void Parts(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("R", "P")] ArrayView<int> winners,
        [Shape("R", "P")] ArrayView<float> largest,
        [Shape("R", "P")] ArrayView<float> sums,
        [Extent("V")] int width,
        [Extent("P")] int parts)
    {
        ArrayView<float> values = SharedMemory.Allocate<float>(Threads);
        ArrayView<int> indices = SharedMemory.Allocate<int>(Threads);
        int thread = Group.IdxX, first = (Grid.IdxY * TokenBins.Part) + thread, last = width - 1;
        long row = (long)Grid.IdxX * width;

        // Past the row's end stands its last logit.
        var x = new float[Each];
        for (int i = 0; i < Each; i++)
        {
            x[i] = logits[row + Math.Min(first + (i * Threads), last)];
        }

        float best = x[0];
        int turn = 0, magnitude = 0;
        for (int i = 0; i < Each; i++)
        {
            bool better = x[i] > best;
            best = better ? x[i] : best;
            turn = better ? i : turn;
            magnitude = Math.Max(magnitude, (int)(Interop.FloatAsInt(x[i]) & 0x7fffffffu));
        }

        Winner(values, indices, best, magnitude >= Infinite ? -1 : Math.Min(first + (turn * Threads), last), width);
        int winner = indices[0];
        float maximum = values[0], sum = 0;
        for (int i = 0; i < Each; i++)
        {
            float e = Scalar.Exp(x[i] - maximum);
            sum += first + (i * Threads) < width ? e : 0;
        }

        sum = GroupSum.All(values, sum);
        if (thread == 0)
        {
            long place = ((long)Grid.IdxX * parts) + Grid.IdxY;
            winners[place] = winner;
            largest[place] = maximum;
            sums[place] = sum;
        }
    }

    /// <summary>The lowest index of the largest logit and its log-probability; −1 and NaN where a logit is not finite.</summary>
    [Kernel("greedy_pick", Threads, groups: "R")]
    public static void Join(
        [Shape("R", "P")] ArrayView<int> winners,
        [Shape("R", "P")] ArrayView<float> largest,
        [Shape("R", "P")] ArrayView<float> sums,
        [Shape("R")] ArrayView<int> tokens,
        [Shape("R")] ArrayView<float> logProbabilities,
        [Extent("P")] int parts,
        int width)
    {
        ArrayView<float> values = SharedMemory.Allocate<float>(Threads);
        ArrayView<int> indices = SharedMemory.Allocate<int>(Threads);
        int thread = Group.IdxX;
        long row = (long)Grid.IdxX * parts;
        float best = 0;
        int index = width;
        for (int p = thread; p < parts; p += Threads)
        {
            float x = largest[row + p];
            int other = winners[row + p];
            bool better = index >= 0 && (index == width || x > best);
            best = better ? x : best;
            index = other < 0 ? other : better ? other : index;
        }

        Winner(values, indices, best, index, width);
        int winner = indices[0];
        float maximum = values[0], sum = 0;
        for (int p = thread; p < parts; p += Threads)
        {
            sum = Scalar.Fma(sums[row + p], Scalar.Exp(largest[row + p] - maximum), sum);
        }

        sum = GroupSum.All(values, sum);
        if (thread == 0)
        {
            tokens[Grid.IdxX] = winner;
            logProbabilities[Grid.IdxX] = winner < 0 ? float.NaN : -Scalar.Log(sum);
        }
    }

    // The best of all threads, left in the first entries.
    private static void Winner(ArrayView<float> values, ArrayView<int> indices, float best, int index, int width)
    {
        int thread = Group.IdxX;
        values[thread] = best;
        indices[thread] = index;
        for (int step = Threads / 2; step > 0; step /= 2)
        {
            Group.Barrier();
            if (thread < step)
            {
                int other = indices[thread + step], own = indices[thread];
                float otherValue = values[thread + step], ownValue = values[thread];
                bool fault = other < 0 || own < 0;
                bool better = own == width || (other != width && (otherValue > ownValue || (otherValue == ownValue && other < own)));
                values[thread] = better ? otherValue : ownValue;
                indices[thread] = fault ? -1 : better ? other : own;
            }
        }

        Group.Barrier();
    }
}
