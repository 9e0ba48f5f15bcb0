using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// top_log_probabilities: a group per listed row. Logit and index make one number, smallest first; each pass finds the
/// smallest beyond the last one.
/// </summary>
public static class TopLogProbabilities
{
    private const int Threads = 256;
    private const int IndexBits = 31;

    /// <summary>The K most likely tokens by falling logit, ties to the lower index, and their log-probabilities.</summary>
    [Kernel("top_log_probabilities", Threads, groups: "A")]
    public static void Run(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("A")] ArrayView<int> rows,
        [Shape("R")] ArrayView<int> best,
        [Shape("R")] ArrayView<float> bestValues,
        [Shape("A", "K")] ArrayView<int> tokens,
        [Shape("A", "K")] ArrayView<float> values,
        [Extent("V")] int width,
        [Extent("K")] int most)
    {
        ArrayView<long> shared = SharedMemory.Allocate<long>(Threads);
        int thread = Group.IdxX, row = rows[Grid.IdxX], likely = best[row];
        long start = (long)row * width, last = -1;
        for (int k = 0; k < most; k++)
        {
            long next = long.MaxValue;
            for (int v = thread; v < width; v += Threads)
            {
                long place = ((long)~LogitOrder.Key(logits[start + v]) << IndexBits) | (long)v;
                next = place > last && place < next ? place : next;
            }

            shared[thread] = next;
            for (int step = Threads / 2; step > 0; step /= 2)
            {
                Group.Barrier();
                if (thread < step)
                {
                    long other = shared[thread + step];
                    shared[thread] = other < shared[thread] ? other : shared[thread];
                }
            }

            Group.Barrier();
            last = shared[0];
            Group.Barrier();
            if (thread == 0)
            {
                int token = (int)(last & int.MaxValue);
                long at = ((long)Grid.IdxX * most) + k;
                float value = bestValues[row];
                tokens[at] = likely < 0 ? -1 : token;
                values[at] = likely < 0 ? float.NaN
                    : token == likely ? value : LogProbability.Of(logits[start + token], logits[start + likely], value);
            }
        }
    }
}
