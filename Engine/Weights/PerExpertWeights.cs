using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>Routed experts with three tensors each (Qwen3-Next; Qwen3.5 as transformers saves it).</summary>
[WeightSet]
internal sealed partial class PerExpertWeights
{
    /// <summary>Goes through SiLU.</summary>
    [Weight("experts.{e}.gate_proj.weight", "ExpertWidth", "Hidden",
        Split = TensorSplit.Experts, ExpertSplit = TensorSplit.Rows, Repeat = "Experts")]
    public required Tensor[] Gate { get; init; }

    /// <summary>Multiplied by the gate.</summary>
    [Weight("experts.{e}.up_proj.weight", "ExpertWidth", "Hidden",
        Split = TensorSplit.Experts, ExpertSplit = TensorSplit.Rows, Repeat = "Experts")]
    public required Tensor[] Up { get; init; }

    /// <summary>Back to the residual stream.</summary>
    [Weight("experts.{e}.down_proj.weight", "Hidden", "ExpertWidth",
        Split = TensorSplit.Experts, ExpertSplit = TensorSplit.Columns, Repeat = "Experts")]
    public required Tensor[] Down { get; init; }
}
