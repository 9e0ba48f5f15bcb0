using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>One entry after the other, rounded to f32 once per list.</summary>
internal sealed unsafe class AdjustLogitsReference : AdjustLogits
{
    private protected override void Launch(Tensor logits, in LogitAdjustments adjustments)
    {
        int* biasStarts = (int*)adjustments.BiasStarts.Address, biased = (int*)adjustments.Biased.Address;
        int* seenStarts = (int*)adjustments.SeenStarts.Address, seen = (int*)adjustments.Seen.Address;
        float* biases = (float*)adjustments.Biases.Address;
        for (long r = 0; r < logits.Shape[0]; r++)
        {
            float* row = (float*)logits.Address + (r * logits.Shape[1]);
            for (int i = biasStarts[r]; i < biasStarts[r + 1]; i++)
            {
                row[biased[i]] = Round(row[biased[i]] + (double)biases[i]);
            }

            float* penalties = (float*)adjustments.Penalties.Address + (r * LogitAdjustments.PenaltyColumns);
            double repetition = penalties[0], presence = penalties[1], frequency = penalties[2];
            for (int i = seenStarts[r]; i < seenStarts[r + 1]; i++)
            {
                int token = seen[2 * i], count = seen[(2 * i) + 1];
                double x = row[token];
                x = x < 0 ? x * repetition : x / repetition;
                row[token] = Round(count > 0 ? x - (frequency * count) - presence : x);
            }
        }

        static float Round(double x) => double.IsFinite(x) ? (float)Math.Clamp(x, -float.MaxValue, float.MaxValue) : (float)x;
    }
}
