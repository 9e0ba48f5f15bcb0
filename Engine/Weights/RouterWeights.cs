using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>The router of a mixture of experts.</summary>
[WeightSet]
internal sealed partial class RouterWeights
{
    /// <summary>A row of logits per expert; every rank routes every token.</summary>
    [Weight("gate.weight", "Experts", "Hidden")]
    public required Tensor Gate { get; init; }
}
