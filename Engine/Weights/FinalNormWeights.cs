using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>The norm after the last decoder layer.</summary>
[WeightSet]
internal sealed partial class FinalNormWeights
{
    /// <summary>Scales by 1 + w.</summary>
    [Weight("norm.weight", "Hidden")]
    public required Tensor Norm { get; init; }
}
