using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// Gated DeltaNet as Qwen3-Next stores it: projections interleaved per key head. Ranks divide the key heads with their value heads
/// (j belongs to key head j / r, r = ValueHeads / KeyHeads), or share a key head and divide its value heads.
/// </summary>
[WeightSet]
internal sealed partial class InterleavedDeltaNetWeights
{
    /// <summary>Per key head: KeyDim rows of q, KeyDim of k, r * ValueDim of v, r * ValueDim of z.</summary>
    [Weight("in_proj_qkvz.weight", "2 * KeyHeads * KeyDim + 2 * ValueHeads * ValueDim", "Hidden",
        Split = TensorSplit.Rows, Groups = "KeyHeads", Interleaved = true,
        Parts = ["KeyHeads * KeyDim : KeyDim : shared", "KeyHeads * KeyDim : KeyDim : shared", "ValueHeads * ValueDim : ValueDim", "ValueHeads * ValueDim : ValueDim"])]
    public required Tensor InProjQkvz { get; init; }

    /// <summary>Per key head: r rows of b, then r of a.</summary>
    [Weight("in_proj_ba.weight", "2 * ValueHeads", "Hidden",
        Split = TensorSplit.Rows, Groups = "KeyHeads", Interleaved = true, Parts = ["ValueHeads : 1", "ValueHeads : 1"])]
    public required Tensor InProjBa { get; init; }

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
