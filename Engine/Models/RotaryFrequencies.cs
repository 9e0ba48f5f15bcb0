using Lean.Tensors;

namespace Lean.Engine.Models;

/// <summary>
/// The rotary frequencies f_i = θ^(−2i/R), or YaRN's mixture of them with f_i / factor.
/// Source: _compute_default_rope_parameters and _compute_yarn_parameters in transformers (modeling_rope_utils).
/// </summary>
internal static class RotaryFrequencies
{
    /// <summary>
    /// The longest context for which a checkpoint that was cast as a whole keeps the rounding of its cast. Published
    /// models reach far beyond it, where a rounded frequency would turn keys and queries out of phase.
    /// </summary>
    private const int LongestCast = 8192;

    /// <summary>
    /// Whether a checkpoint's reference has its frequencies rounded to bf16. Published checkpoints keep A_log in f32. One
    /// whose A_log is bf16 was cast as a whole (model.to(bfloat16) in PyTorch), and that cast rounds the frequencies in
    /// memory as well, though it does not save them: what such a model was evaluated with is the rounded ones.
    /// </summary>
    /// <param name="decayType">The stored type of A_log.</param>
    /// <param name="maxPositions">The model's positions.</param>
    public static bool AreCast(DType decayType, int maxPositions) => decayType == DType.BF16 && maxPositions <= LongestCast;

    /// <summary>f32 [R/2].</summary>
    /// <param name="rope">The kind of embedding.</param>
    /// <param name="cast">Whether they are rounded to bf16, see <see cref="AreCast"/>.</param>
    public static float[] Of(RopeConfig rope, bool cast)
    {
        var frequencies = new float[rope.RotaryDim / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            float plain = 1f / (float)Math.Pow(rope.Theta, 2.0 * i / rope.RotaryDim);
            float frequency = rope.Yarn is { } yarn ? Scale(plain, i, rope, yarn) : plain;
            frequencies[i] = cast ? DTypes.BF16ToF32(DTypes.F32ToBF16(frequency)) : frequency;
        }

        return frequencies;
    }

    // Dimensions that turn often within the original context keep their frequency; those that turn seldom are divided by
    // the factor; a ramp lies between.
    private static float Scale(float plain, int i, RopeConfig rope, YarnConfig yarn)
    {
        double low = CorrectionDimension(yarn.BetaFast, rope, yarn), high = CorrectionDimension(yarn.BetaSlow, rope, yarn);
        if (yarn.Truncate)
        {
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        }

        (low, high) = (Math.Max(low, 0), Math.Min(high, rope.RotaryDim - 1));
        double span = low == high ? 0.001 : high - low;
        double ramp = Math.Clamp((i - low) / span, 0, 1);
        return (float)((plain / yarn.Factor * ramp) + (plain * (1 - ramp)));
    }

    private static double CorrectionDimension(double rotations, RopeConfig rope, YarnConfig yarn) =>
        rope.RotaryDim * Math.Log(yarn.OriginalMaxPositions / (rotations * 2 * Math.PI)) / (2 * Math.Log(rope.Theta));
}
