using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// p = softmax over all E logits; the K largest, ties to the lower index, in falling order; their p as weights,
/// divided by their sum where <c>renormalise</c>. Source: Qwen3NextSparseMoeBlock in transformers.
/// </summary>
public abstract class ExpertRouter
{
    private const string Op = "expert_router";

    /// <summary>Routes T rows.</summary>
    /// <param name="logits">f32 [T, E], rows may be strided.</param>
    /// <param name="renormalise">Whether the chosen weights are scaled to sum to one.</param>
    /// <param name="experts">i32 [T, K], K ≤ E: the chosen experts by rank. A row whose logits hold a NaN gets experts 0 … K − 1 with NaN weights.</param>
    /// <param name="weights">f32 [T, K].</param>
    public void Run(Tensor logits, bool renormalise, Tensor experts, Tensor weights)
    {
        long rows = logits.Shape[0], topK = experts.Shape[1];
        LaunchCheck.Is(Op, nameof(logits), logits, DType.F32, new Shape(rows, logits.Shape[1]), "[T, E]", strided: true);
        LaunchCheck.That(topK >= 1 && topK <= logits.Shape[1], Op, "1 ≤ K ≤ E");
        LaunchCheck.Is(Op, nameof(experts), experts, DType.I32, new Shape(rows, topK), "[T, K]");
        LaunchCheck.Is(Op, nameof(weights), weights, DType.F32, new Shape(rows, topK), "[T, K]");
        if (rows > 0)
        {
            Launch(logits, renormalise, experts, weights);
        }
    }

    private protected abstract void Launch(Tensor logits, bool renormalise, Tensor experts, Tensor weights);
}
