using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>log_probabilities: a thread per row.</summary>
public static class LogProbabilities
{
    private const int Threads = 64;

    /// <summary>From the log-probabilities of the most likely tokens to those of the chosen ones; NaN where none is.</summary>
    [Kernel("log_probabilities", Threads, groups: "R/64")]
    public static void Run(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("R")] ArrayView<int> best,
        [Shape("R")] ArrayView<int> tokens,
        [Shape("R")] ArrayView<float> values,
        [Extent("R")] int rows,
        [Extent("V")] int width)
    {
        int row = (Grid.IdxX * Threads) + Group.IdxX;
        if (row < rows)
        {
            int token = tokens[row], likely = best[row];
            if (token < 0)
            {
                values[row] = float.NaN;
            }
            else if (token != likely)
            {
                long start = (long)row * width;
                values[row] = LogProbability.Of(logits[start + token], logits[start + likely], values[row]);
            }
        }
    }
}
