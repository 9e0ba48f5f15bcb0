using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// Gated DeltaNet as Qwen3.5 stores it: all q, all k, all v. Ranks divide the key heads with their value heads
/// (j belongs to key head j / r, r = ValueHeads / KeyHeads), or share a key head and divide its value heads.
/// </summary>
[WeightSet]
internal sealed partial class FlatDeltaNetWeights
{
    /// <summary>All q, all k, all v.</summary>
    [Weight("in_proj_qkv.weight", "2 * KeyHeads * KeyDim + ValueHeads * ValueDim", "Hidden",
        Split = TensorSplit.Rows,
        Groups = "KeyHeads", Parts = ["KeyHeads * KeyDim : KeyDim : shared", "KeyHeads * KeyDim : KeyDim : shared", "ValueHeads * ValueDim : ValueDim"])]
    public required Tensor InProjQkv { get; init; }

    /// <summary>ValueDim rows of the output gate per value head.</summary>
    [Weight("in_proj_z.weight", "ValueHeads * ValueDim", "Hidden", Split = TensorSplit.Rows, Groups = "KeyHeads", Unit = "ValueDim")]
    public required Tensor InProjZ { get; init; }

    /// <summary>β before its sigmoid, per value head.</summary>
    [Weight("in_proj_b.weight", "ValueHeads", "Hidden", Split = TensorSplit.Rows, Groups = "KeyHeads")]
    public required Tensor InProjB { get; init; }

    /// <summary>The time step before its softplus, per value head.</summary>
    [Weight("in_proj_a.weight", "ValueHeads", "Hidden", Split = TensorSplit.Rows, Groups = "KeyHeads")]
    public required Tensor InProjA { get; init; }

    /// <summary>Taps per channel, the last for the current token; channels are all q, all k, all v.</summary>
    [Weight("conv1d.weight", "ConvChannels", "1", "ConvKernel", Split = TensorSplit.Rows,
        Groups = "KeyHeads", Parts = ["KeyHeads * KeyDim : KeyDim : shared", "KeyHeads * KeyDim : KeyDim : shared", "ValueHeads * ValueDim : ValueDim"])]
    public required Tensor Conv { get; init; }

    /// <summary>ln of the decay rate per value head.</summary>
    [Weight("A_log", "ValueHeads", Split = TensorSplit.Rows, Groups = "KeyHeads")]
    public required Tensor ALog { get; init; }

    /// <summary>Added to a before the softplus, per value head.</summary>
    [Weight("dt_bias", "ValueHeads", Split = TensorSplit.Rows, Groups = "KeyHeads")]
    public required Tensor DtBias { get; init; }

    /// <summary>Norm of each value head; scales by w, not by 1 + w.</summary>
    [Weight("norm.weight", "ValueDim")]
    public required Tensor Norm { get; init; }

    /// <summary>ValueDim columns per value head.</summary>
    [Weight("out_proj.weight", "Hidden", "ValueHeads * ValueDim", Split = TensorSplit.Columns, Groups = "KeyHeads", Unit = "ValueDim")]
    public required Tensor OutProj { get; init; }
}
