using Lean.Engine.Caches;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// Gated DeltaNet: q, k, v, z, b, a = W x; a short causal convolution over q, k, v; the gated delta rule; norm times
/// silu(z); project. Prompt rows run the rule in chunks on the grid, generated rows step by step: the row's class
/// decides, never the batch.
/// </summary>
internal sealed class GatedDeltaNet : IMixer
{
    private readonly LayerContext _layer;
    private readonly DeltaRuleShape _shape;
    private readonly DeltaNetWeights _weights;
    private readonly DeltaNetParameters _parameters;
    private readonly int _ordinal;

    /// <param name="weights">The layer's weights.</param>
    /// <param name="ordinal">Which of the model's Gated DeltaNet layers this is.</param>
    /// <param name="layer">What layers are built from.</param>
    public GatedDeltaNet(DeltaNetWeights weights, int ordinal, LayerContext layer)
    {
        (_weights, _ordinal, _layer, _shape) = (weights, ordinal, layer, layer.Config.DeltaRuleShape);
        _parameters = new DeltaNetParameters(weights.Convolution, weights.Decay, weights.TimeBias, weights.Norm, layer.Config.NormEpsilon);
    }

    public long Bytes(long rows) =>
        (rows * sizeof(float) * (_weights.Input.Outputs + _shape.Channels + _shape.ValueWidth))
        + _weights.Output.TermBytes(rows);

    public LinearWeight Input => _weights.Input;

    // States need what attention's caches do not, all of a row but what lies behind them.
    public bool Fills => false;

    public void Fill(NormedRows x, StepContext step) => throw new NotSupportedException("Gated DeltaNet computes rows whole");

    public TermUse TermUse => _layer.Ops.Linear.TakesTerms(_weights.Input) ? TermUse.Instead : TermUse.None;

    public Addend Forward(NormedRows x, Tensor projected, Tensor output, StepContext step)
    {
        KernelSet ops = _layer.Ops;
        StepBatch batch = step.Batch;
        DeltaNetCache cache = step.Caches.DeltaNet(_ordinal);
        ArenaMark mark = step.Arena.Mark();
        Tensor convolved = step.Arena.F32(batch.Rows, _shape.Channels);
        Tensor read = step.Arena.F32(batch.Rows, _shape.ValueWidth);

        if (projected.IsEmpty)
        {
            projected = step.Arena.F32(batch.Rows, _weights.Input.Outputs);
            ops.Linear.Run(x.Values, _weights.Input, projected, batch.PromptRows, x.Terms);
        }

        Tensor qkv = projected.Columns(0, _shape.Channels);
        Tensor z = projected.Columns(_shape.Channels, _shape.ValueWidth);
        Tensor b = projected.Columns(_shape.Channels + _shape.ValueWidth, _shape.ValueHeads);
        Tensor a = projected.Columns(_shape.Channels + _shape.ValueWidth + _shape.ValueHeads, _shape.ValueHeads);

        // Prompts whose states are kept on the way run in pieces, which end there.
        for (int wave = 0; wave < batch.StateWaves; wave++)
        {
            Tensor pieces = batch.StatePieces(wave);
            ops.CausalConvolution.Run(qkv, _weights.Convolution, cache.History, pieces, convolved);
            ops.PromptDeltaRule.Run(_shape, convolved, b, a, _weights.Decay, _weights.TimeBias, cache.State, pieces, read, batch.StateRows(wave));
            step.KeepStates(_ordinal, wave);
        }

        // Pieces of later waves lie among the rows.
        Tensor prompts = read.Rows(0, batch.PromptRows), terms = batch.PromptRows > 0 && ops.GatedRmsNorm.MakesTerms ? _weights.Output.Terms(step) : default;
        long early = batch.StateWaves == 1 && batch.PromptRows > 0
            ? ops.PromptDeltaRule.EarlyRows(_shape, convolved, batch.StatePieces(0).Shape[0], batch.StateRows(0))
            : 0;
        ops.GatedRmsNorm.Run(prompts, z.Rows(0, batch.PromptRows), _weights.Norm, _layer.Config.NormEpsilon, prompts, terms, early);

        Tensor generated = ops.GeneratedDeltaNet.MakesPieces ? _weights.Output.Pieces(step) : default;

        // A sequence may have both kinds of rows in a step: then its prompt's last state is as new as can be.
        ops.GeneratedDeltaNet.Run(
            _shape, _parameters, new DeltaNetInputs(qkv, z, b, a), cache.History, cache.State, batch.Generated, convolved, read, batch.PromptRows,
            settled: batch.PromptRows == 0, generated);
        Addend sum = _weights.Output.Run(read, output, batch.PromptRows, generated.IsEmpty ? terms : generated);
        step.Arena.Release(mark);
        return sum;
    }
}
