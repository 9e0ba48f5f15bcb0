using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// Gated DeltaNet's weights in one order, whichever way the checkpoint stores them. The input projection's rows are
/// [all q | all k | all v | all z | all b | all a], as views of the checkpoint.
/// </summary>
internal sealed record DeltaNetWeights
{
    /// <summary>[C + ValueHeads·dv + 2·ValueHeads, H].</summary>
    public required LinearWeight Input { get; init; }

    /// <summary>f32 [C, W].</summary>
    public required Tensor Convolution { get; init; }

    /// <summary>f32 [ValueHeads]: A_log.</summary>
    public required Tensor Decay { get; init; }

    /// <summary>f32 [ValueHeads]: dt_bias.</summary>
    public required Tensor TimeBias { get; init; }

    /// <summary>f32 [dv].</summary>
    public required Tensor Norm { get; init; }

    /// <summary>[H, ValueHeads·dv].</summary>
    public required RowLinear Output { get; init; }

    /// <summary>Qwen3.5's layout: q | k | v in one matrix, z, b and a apart.</summary>
    public static DeltaNetWeights From(FlatDeltaNetWeights w, LayerContext layer) => new()
    {
        Input = layer.Column(w.InProjQkv, w.InProjZ, w.InProjB, w.InProjA),
        Convolution = layer.Parameters.Small(w.Conv, ConvolutionShape(layer.Config)),
        Decay = layer.Parameters.Small(w.ALog),
        TimeBias = layer.Parameters.Small(w.DtBias),
        Norm = layer.Parameters.Small(w.Norm),
        Output = layer.Row(w.OutProj, CollectivePurpose.DeltaNet),
    };

    /// <summary>Qwen3-Next's layout: per key head q, k, r·v and r·z rows; per key head r rows of b, then r of a.</summary>
    public static DeltaNetWeights From(InterleavedDeltaNetWeights w, LayerContext layer) => new()
    {
        Input = Deinterleave(w, layer),
        Convolution = layer.Parameters.Small(w.Conv, ConvolutionShape(layer.Config)),
        Decay = layer.Parameters.Small(w.ALog),
        TimeBias = layer.Parameters.Small(w.DtBias),
        Norm = layer.Parameters.Small(w.Norm),
        Output = layer.Row(w.OutProj, CollectivePurpose.DeltaNet),
    };

    private static Shape ConvolutionShape(ModelConfig config) => new(config.ConvChannels, config.ConvKernel);

    private static LinearWeight Deinterleave(InterleavedDeltaNetWeights w, LayerContext layer)
    {
        ModelConfig c = layer.Config;
        int ratio = c.ValueHeads / c.KeyHeads, values = ratio * c.ValueDim;
        int pitch = (2 * c.KeyDim) + (2 * values);
        var rows = new List<Tensor>(6 * c.KeyHeads);
        Tensor qkvz = w.InProjQkvz, ba = w.InProjBa;
        Take(qkvz, pitch, 0, c.KeyDim);
        Take(qkvz, pitch, c.KeyDim, c.KeyDim);
        Take(qkvz, pitch, 2 * c.KeyDim, values);
        Take(qkvz, pitch, (2 * c.KeyDim) + values, values);
        Take(ba, 2 * ratio, 0, ratio);
        Take(ba, 2 * ratio, ratio, ratio);
        return layer.Column([.. rows]);

        void Take(Tensor matrix, int rowsPerHead, int first, int count)
        {
            for (int head = 0; head < c.KeyHeads; head++)
            {
                rows.Add(matrix.Rows((head * rowsPerHead) + first, count));
            }
        }
    }
}
