using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>The LM head of a model that does not use its embedding for it.</summary>
[WeightSet]
internal sealed partial class HeadWeights
{
    /// <summary>A row per token; each rank computes the logits of its rows.</summary>
    [Weight("lm_head.weight", "Vocabulary", "Hidden", Split = TensorSplit.Rows)]
    public required Tensor LmHead { get; init; }
}
