using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Running;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// Full attention with an output gate: [q | gate], k, v = W x; norm and rotate q and k; attend; times sigmoid(gate);
/// project. Prompt rows and generated rows may run on different kernels; either's order is that of absolute positions.
/// </summary>
internal sealed class GatedAttention : IMixer
{
    private readonly LayerContext _layer;
    private readonly AttentionShape _shape;
    private readonly int _ordinal;
    private readonly LinearWeight _input;  // [(2·Heads + 2·KvHeads)·D, H]
    private readonly RowLinear _output;    // [H, Heads·D]
    private readonly Tensor _queryNorm;    // [D]
    private readonly Tensor _keyNorm;      // [D]

    /// <param name="weights">The layer's weights.</param>
    /// <param name="ordinal">Which of the model's attention layers this is, the MTP head's counted last.</param>
    /// <param name="layer">What layers are built from.</param>
    public GatedAttention(GatedAttentionWeights weights, int ordinal, LayerContext layer)
    {
        (_layer, _shape, _ordinal) = (layer, layer.Config.AttentionShape, ordinal);
        _input = layer.Column(weights.QProj, weights.KProj, weights.VProj);
        _output = layer.Row(weights.OProj, CollectivePurpose.Attention);
        _queryNorm = layer.Parameters.Small(weights.QNorm);
        _keyNorm = layer.Parameters.Small(weights.KNorm);
    }

    public void Forward(Tensor x, Tensor output, StepContext step)
    {
        StepBatch batch = step.Batch;
        AttentionCache cache = step.Caches.Attention(_ordinal);
        ArenaMark mark = step.Arena.Mark();
        (Tensor projected, Tensor queries) = Prepare(x, cache, step);
        Tensor attended = step.Arena.F32(batch.Rows, _shape.Heads * _shape.HeadDim);
        _layer.Ops.PagedAttention.Run(_shape, queries, projected, cache.Keys, cache.Values, batch.Segments, batch.Blocks, attended, batch.PromptRows);
        _output.Run(attended, output, batch.PromptRows);
        step.Arena.Release(mark);
    }

    /// <summary>Writes the rows' keys and values to the cache, for rows to come, and computes nothing else.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="step">The step.</param>
    public void Fill(Tensor x, StepContext step)
    {
        ArenaMark mark = step.Arena.Mark();
        Prepare(x, step.Caches.Attention(_ordinal), step);
        step.Arena.Release(mark);
    }

    private (Tensor Projected, Tensor Queries) Prepare(Tensor x, in AttentionCache cache, StepContext step)
    {
        StepBatch batch = step.Batch;
        Tensor projected = step.Arena.F32(batch.Rows, _shape.ProjectedWidth);
        Tensor queries = step.Arena.F32(batch.Rows, _shape.Heads * _shape.HeadDim);
        _layer.Ops.Linear.Run(x, _input, projected, batch.PromptRows);
        _layer.Ops.PrepareAttention.Run(
            _shape, projected, _queryNorm, _keyNorm, _layer.Config.NormEpsilon, step.Rotary, batch.CacheSlots, cache.Keys, cache.Values, queries);
        return (projected, queries);
    }
}
