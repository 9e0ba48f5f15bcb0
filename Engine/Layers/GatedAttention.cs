using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Models;
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

    // Of the model's last layer, which alone fills: keys and values of the first [2·KvHeads·D, H], and weights of a norm that nobody reads [2·KvHeads·D].
    private readonly LinearWeight? _cached;
    private readonly Tensor _nothing;

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
        if (layer.Index == layer.Config.Layers - 1)
        {
            _cached = _input.Some(_shape.KeyColumn, _shape.CachedWidth);
            _nothing = layer.Parameters.Vector(new float[_shape.CachedWidth]);
        }
    }

    /// <summary>Floats of a row's projections.</summary>
    public long ProjectedWidth => _shape.ProjectedWidth;

    /// <summary>Floats of a row's queries.</summary>
    public long QueryWidth => _shape.Heads * _shape.HeadDim;

    public long Bytes(long rows) => (rows * sizeof(float) * (ProjectedWidth + (2 * QueryWidth))) + _output.TermBytes(rows);

    public LinearWeight Input => _input;

    public bool Fills => _cached is not null && _layer.Ops.Linear.SumsAlike(_input, _cached);

    public TermUse TermUse => _layer.Ops.Linear.TakesTerms(_input) ? TermUse.Instead : TermUse.None;

    public Addend Forward(NormedRows x, Tensor projected, Tensor output, StepContext step)
    {
        ArenaMark mark = step.Arena.Mark();
        Addend sum = Attend(Prepare(x, projected, step), output, step);
        step.Arena.Release(mark);
        return sum;
    }

    public void Fill(NormedRows x, StepContext step)
    {
        StepBatch batch = step.Batch;
        AttentionCache cache = step.Caches.Attention(_ordinal);
        ArenaMark mark = step.Arena.Mark();
        Tensor projected = step.Arena.F32(batch.Rows, _shape.CachedWidth), queries = new(DType.F32, new Shape(batch.Rows, 0), projected.Address);
        _layer.Ops.Linear.Run(x.Values, _cached!, projected, batch.PromptRows, x.Terms);
        _layer.Ops.PrepareAttention.Run(
            _shape with { Heads = 0 }, projected, _queryNorm, _keyNorm, _layer.Config.NormEpsilon, step.Rotary, batch.CacheSlots, cache.Keys, cache.Values, queries);

        // Of a norm what it notes: most of these rows get no other behind them.
        _layer.Ops.AddRmsNorm.Run(projected, delta: default, _nothing, _layer.Config.NormEpsilon, projected, step.CacheFaults, FaultPlace.BeforeMlp(_layer.Index));
        step.Arena.Release(mark);
    }

    /// <summary>Writes the rows' keys and values to the cache.</summary>
    /// <param name="x">[T, H]; nothing where <paramref name="projected"/> is given.</param>
    /// <param name="projected">f32 [T, N]: x times <see cref="Input"/>, or empty.</param>
    /// <param name="step">The step.</param>
    /// <returns>The rest of what <see cref="Attend"/> takes, in the step's memory.</returns>
    public AttentionInputs Prepare(NormedRows x, Tensor projected, StepContext step)
    {
        StepBatch batch = step.Batch;
        AttentionCache cache = step.Caches.Attention(_ordinal);
        Tensor queries = step.Arena.F32(batch.Rows, QueryWidth);
        if (projected.IsEmpty)
        {
            projected = step.Arena.F32(batch.Rows, ProjectedWidth);
            _layer.Ops.Linear.Run(x.Values, _input, projected, batch.PromptRows, x.Terms);
        }

        _layer.Ops.PrepareAttention.Run(
            _shape, projected, _queryNorm, _keyNorm, _layer.Config.NormEpsilon, step.Rotary, batch.CacheSlots, cache.Keys, cache.Values, queries);
        return new AttentionInputs(projected, queries);
    }

    /// <summary>The rest of <see cref="Forward"/>.</summary>
    /// <param name="inputs">Of the step's rows.</param>
    /// <param name="output">f32 [T, H]: room for the result.</param>
    /// <param name="step">The step.</param>
    /// <returns>What the layer adds to the residual stream.</returns>
    public Addend Attend(in AttentionInputs inputs, Tensor output, StepContext step)
    {
        StepBatch batch = step.Batch;
        AttentionCache cache = step.Caches.Attention(_ordinal);
        ArenaMark mark = step.Arena.Mark();
        Tensor attended = step.Arena.F32(batch.Rows, QueryWidth), terms = _layer.Ops.PagedAttention.MakesTerms ? _output.Terms(step) : default;
        _layer.Ops.PagedAttention.Run(
            _shape, inputs.Queries, inputs.Projected, cache.Keys, cache.Values, batch.Segments, batch.Blocks, attended, batch.PromptRows, terms);
        Addend sum = _output.Run(attended, output, batch.PromptRows, terms);
        step.Arena.Release(mark);
        return sum;
    }
}
