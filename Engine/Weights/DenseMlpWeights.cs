using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>A dense gated MLP.</summary>
[WeightSet]
internal sealed partial class DenseMlpWeights
{
    /// <summary>Goes through SiLU.</summary>
    [Weight("gate_proj.weight", "FeedForward", "Hidden", Split = TensorSplit.Rows)]
    public required Tensor Gate { get; init; }

    /// <summary>Multiplied by the gate.</summary>
    [Weight("up_proj.weight", "FeedForward", "Hidden", Split = TensorSplit.Rows)]
    public required Tensor Up { get; init; }

    /// <summary>Back to the residual stream.</summary>
    [Weight("down_proj.weight", "Hidden", "FeedForward", Split = TensorSplit.Columns)]
    public required Tensor Down { get; init; }
}
