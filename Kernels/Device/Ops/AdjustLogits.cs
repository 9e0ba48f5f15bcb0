using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>adjust_logits: a group per row; a thread takes an entry of a list, and no token has two.</summary>
public static class AdjustLogits
{
    private const int Threads = 128;
    private const int PenaltyColumns = 3;

    /// <summary>x ← x + bias for the tokens listed.</summary>
    [Kernel("adjust_logits_bias", Threads, groups: "R")]
    public static void Bias(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("Starts")] ArrayView<int> starts,
        [Shape("B")] ArrayView<int> biased,
        [Shape("B")] ArrayView<float> biases,
        [Extent("V")] int width)
    {
        int row = Grid.IdxX, end = starts[row + 1];
        long start = (long)row * width;
        for (int i = starts[row] + Group.IdxX; i < end; i += Threads)
        {
            long at = start + biased[i];
            float bias = biases[i], x = logits[at];
            logits[at] = Scalar.IsFinite(bias) ? Bounded(x, x + bias) : x + bias;
        }
    }

    /// <summary>Penalties for the tokens listed, which were seen in the prompt or so often in the output.</summary>
    [Kernel("adjust_logits_penalise", Threads, groups: "R")]
    public static void Penalise(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("Starts")] ArrayView<int> starts,
        [Shape("S", "2")] ArrayView<int> seen,
        [Shape("R", "3")] ArrayView<float> penalties,
        [Extent("V")] int width)
    {
        int row = Grid.IdxX, end = starts[row + 1], columns = row * PenaltyColumns;
        long start = (long)row * width;
        float repetition = penalties[columns], presence = penalties[columns + 1], frequency = penalties[columns + 2];
        for (int i = starts[row] + Group.IdxX; i < end; i += Threads)
        {
            long at = start + seen[2 * i];
            int count = seen[(2 * i) + 1];
            float x = logits[at];
            float y = x < 0 ? x * repetition : x / repetition;
            logits[at] = Bounded(x, count > 0 ? y - (frequency * count) - presence : y);
        }
    }

    // An extreme penalty must not look like a fault of the model.
    private static float Bounded(float before, float after)
    {
        bool lost = Scalar.IsFinite(before) && (after > float.MaxValue || after < -float.MaxValue);
        float bound = after > 0 ? float.MaxValue : -float.MaxValue;
        return lost ? bound : after;
    }
}
