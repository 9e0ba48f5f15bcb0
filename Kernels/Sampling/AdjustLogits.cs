using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Biases, then penalties, in place: x ← x + bias; for a token that stands in the prompt or the output
/// x ← x &lt; 0 ? x · repetition : x / repetition, and for one that was generated n &gt; 0 times
/// x ← x − frequency · n − presence. A finite logit stays finite, at most the largest f32, unless it is banned.
/// Sources: RepetitionPenaltyLogitsProcessor and SequenceBiasLogitsProcessor in transformers; apply_penalties in vLLM.
/// </summary>
public abstract class AdjustLogits
{
    private const string Op = "adjust_logits";

    /// <summary>Adjusts R rows.</summary>
    /// <param name="logits">f32 [R, V].</param>
    /// <param name="adjustments">Whose tokens are in 0 … V − 1 and whose starts rise (the caller has checked them).</param>
    public void Run(Tensor logits, in LogitAdjustments adjustments)
    {
        long rows = logits.Shape[0], biased = adjustments.Biased.Shape.Count, seen = adjustments.Seen.Shape[0];
        LaunchCheck.Is(Op, nameof(logits), logits, DType.F32, new Shape(rows, logits.Shape[1]), "[R, V]");
        LaunchCheck.Is(Op, "biasStarts", adjustments.BiasStarts, DType.I32, new Shape(rows + 1), "[R+1]");
        LaunchCheck.Is(Op, "biased", adjustments.Biased, DType.I32, new Shape(biased), "[B]");
        LaunchCheck.Is(Op, "biases", adjustments.Biases, DType.F32, new Shape(biased), "[B]");
        LaunchCheck.Is(Op, "seenStarts", adjustments.SeenStarts, DType.I32, new Shape(rows + 1), "[R+1]");
        LaunchCheck.Is(Op, "seen", adjustments.Seen, DType.I32, new Shape(seen, LogitAdjustments.SeenColumns), "[S, 2]");
        LaunchCheck.Is(Op, "penalties", adjustments.Penalties, DType.F32, new Shape(rows, LogitAdjustments.PenaltyColumns), "[R, 3]");
        if (rows > 0)
        {
            Launch(logits, adjustments);
        }
    }

    private protected abstract void Launch(Tensor logits, in LogitAdjustments adjustments);
}
