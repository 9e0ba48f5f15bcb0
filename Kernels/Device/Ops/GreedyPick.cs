using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>greedy_pick: a group per row.</summary>
public static class GreedyPick
{
    private const int Threads = 256;

    /// <summary>The lowest index of the largest logit and its log-probability; −1 and NaN where a logit is not finite.</summary>
    [Kernel("greedy_pick", Threads, groups: "R")]
    public static void Run(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("R")] ArrayView<int> tokens,
        [Shape("R")] ArrayView<float> logProbabilities,
        [Extent("V")] int width)
    {
        ArrayView<float> values = SharedMemory.Allocate<float>(Threads);
        ArrayView<int> indices = SharedMemory.Allocate<int>(Threads);
        int thread = Group.IdxX;
        long row = (long)Grid.IdxX * width;

        // The index says both where and whether: −1 for a fault, width for nothing seen.
        float best = 0;
        int index = width;
        for (int v = thread; v < width; v += Threads)
        {
            float x = logits[row + v];
            if (!Scalar.IsFinite(x))
            {
                index = -1;
            }
            else if (index >= 0 && (index == width || x > best))
            {
                best = x;
                index = v;
            }
        }

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
        int winner = indices[0];
        float maximum = values[0];
        float sum = 0;
        for (int v = thread; v < width; v += Threads)
        {
            sum += Scalar.Exp(logits[row + v] - maximum);
        }

        sum = GroupSum.All(values, sum);
        if (thread == 0)
        {
            tokens[Grid.IdxX] = winner;
            logProbabilities[Grid.IdxX] = winner < 0 ? float.NaN : -Scalar.Log(sum);
        }
    }
}
