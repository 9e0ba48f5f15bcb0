using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>The expert every token passes through, and its scalar gate.</summary>
[WeightSet]
internal sealed partial class SharedExpertWeights
{
    /// <summary>Goes through SiLU.</summary>
    [Weight("shared_expert.gate_proj.weight", "SharedWidth", "Hidden", Split = TensorSplit.Rows)]
    public required Tensor Gate { get; init; }

    /// <summary>Multiplied by the gate.</summary>
    [Weight("shared_expert.up_proj.weight", "SharedWidth", "Hidden", Split = TensorSplit.Rows)]
    public required Tensor Up { get; init; }

    /// <summary>Back to the residual stream.</summary>
    [Weight("shared_expert.down_proj.weight", "Hidden", "SharedWidth", Split = TensorSplit.Columns)]
    public required Tensor Down { get; init; }

    /// <summary>Its product with a token, through a sigmoid, scales the shared expert.</summary>
    [Weight("shared_expert_gate.weight", "1", "Hidden")]
    public required Tensor SharedGate { get; init; }
}
