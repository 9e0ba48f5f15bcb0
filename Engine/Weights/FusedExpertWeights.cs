using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>Routed experts stacked in two tensors (bf16 Qwen3.5).</summary>
[WeightSet]
internal sealed partial class FusedExpertWeights
{
    /// <summary>Per expert ExpertWidth rows of gate, then as many of up.</summary>
    [Weight("experts.gate_up_proj", "Experts", "2 * ExpertWidth", "Hidden", Split = TensorSplit.Experts,
        ExpertSplit = TensorSplit.Rows, Parts = ["ExpertWidth : 1", "ExpertWidth : 1"])]
    public required Tensor GateUp { get; init; }

    /// <summary>Back to the residual stream, per expert.</summary>
    [Weight("experts.down_proj", "Experts", "Hidden", "ExpertWidth", Split = TensorSplit.Experts, ExpertSplit = TensorSplit.Columns)]
    public required Tensor Down { get; init; }
}
