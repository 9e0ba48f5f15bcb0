using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// Full attention with an output gate. Ranks divide the KV heads with the query heads that
/// read them, or share a KV head and divide its query heads.
/// </summary>
[WeightSet]
internal sealed partial class GatedAttentionWeights
{
    /// <summary>Per head HeadDim rows of q, then HeadDim of the gate.</summary>
    [Weight("q_proj.weight", "2 * Heads * HeadDim", "Hidden", Split = TensorSplit.Rows, Groups = "KvHeads", Unit = "2 * HeadDim")]
    public required Tensor QProj { get; init; }

    /// <summary>HeadDim rows per KV head.</summary>
    [Weight("k_proj.weight", "KvHeads * HeadDim", "Hidden", Split = TensorSplit.Rows, Groups = "KvHeads", Unit = "HeadDim", SharedUnits = true)]
    public required Tensor KProj { get; init; }

    /// <summary>HeadDim rows per KV head.</summary>
    [Weight("v_proj.weight", "KvHeads * HeadDim", "Hidden", Split = TensorSplit.Rows, Groups = "KvHeads", Unit = "HeadDim", SharedUnits = true)]
    public required Tensor VProj { get; init; }

    /// <summary>HeadDim columns per query head.</summary>
    [Weight("o_proj.weight", "Hidden", "Heads * HeadDim", Split = TensorSplit.Columns, Groups = "KvHeads", Unit = "HeadDim")]
    public required Tensor OProj { get; init; }

    /// <summary>Norm of each query head; scales by 1 + w.</summary>
    [Weight("q_norm.weight", "HeadDim")]
    public required Tensor QNorm { get; init; }

    /// <summary>Norm of each key head; scales by 1 + w.</summary>
    [Weight("k_norm.weight", "HeadDim")]
    public required Tensor KNorm { get; init; }
}
