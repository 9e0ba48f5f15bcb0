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
    private readonly bool _leavesRounded;

    /// <param name="weights">The layer's weights.</param>
    /// <param name="ordinal">Which of the model's Gated DeltaNet layers this is.</param>
    /// <param name="layer">What layers are built from.</param>
    public GatedDeltaNet(DeltaNetWeights weights, int ordinal, LayerContext layer)
    {
        (_weights, _ordinal, _layer, _shape) = (weights, ordinal, layer, layer.Config.DeltaRuleShape);
        _parameters = new DeltaNetParameters(weights.Convolution, weights.Decay, weights.TimeBias, weights.Norm, layer.Config.NormEpsilon);
        KernelSet ops = layer.Ops;
        _leavesRounded = ops.Linear.LeavesRounded(weights.Input, Gates) && ops.CausalConvolution.TakesRounded(weights.Convolution)
            && ops.PromptDeltaRule.TakesRounded(_shape) && ops.GatedRmsNorm.TakesRounded(weights.Norm) && ops.Linear.TakesTerms(weights.Output.Weight);
    }

    public long Bytes(long rows) =>
        (rows * sizeof(float) * (_weights.Input.Outputs + _shape.Channels + _shape.ValueWidth))
        + _weights.Output.TermBytes(rows);

    public LinearWeight Input => _weights.Input;

    // States need what attention's caches do not, all of a row but what lies behind them.
    public bool Fills => false;

    public void Fill(NormedRows x, StepContext step) => throw new NotSupportedException("Gated DeltaNet computes rows whole");

    // b and a, which set how fast a state decays: their rounding would add up over positions.
    private long Gates => 2 * _shape.ValueHeads;

    public TermUse TermUse => _layer.Ops.Linear.TakesTerms(_weights.Input) ? TermUse.Instead : TermUse.None;

    public Addend Forward(NormedRows x, Tensor projected, Tensor output, StepContext step)
    {
        KernelSet ops = _layer.Ops;
        StepBatch batch = step.Batch;
        DeltaNetCache cache = step.Caches.DeltaNet(_ordinal);
        ArenaMark mark = step.Arena.Mark();
        Tensor convolved = step.Arena.F32(batch.Rows, _shape.Channels);
        Tensor read = step.Arena.F32(batch.Rows, _shape.ValueWidth);

        bool isGiven = !projected.IsEmpty, isRounded = _leavesRounded && batch.PromptRows > 0;
        projected = isGiven ? projected : step.Arena.F32(batch.Rows, _weights.Input.Outputs);
        DeltaNetInputs inputs = Inputs(projected, projected.Columns(_shape.Channels + _shape.ValueWidth, Gates));
        DeltaNetInputs prompted = isRounded ? Rounded(x, projected, batch) : inputs;
        if (!isGiven && !isRounded)
        {
            ops.Linear.Run(x.Values, _weights.Input, projected, batch.PromptRows, x.Terms);
        }

        // Prompts whose states are kept on the way run in pieces, which end there. From product to norm they are bf16 or f32 throughout.
        Tensor promptConvolved = isRounded ? InPlace(convolved, batch.PromptRows) : convolved, promptRead = isRounded ? InPlace(read, batch.PromptRows) : read;
        for (int wave = 0; wave < batch.StateWaves; wave++)
        {
            Tensor pieces = batch.StatePieces(wave);
            ops.CausalConvolution.Run(prompted.Qkv, _weights.Convolution, cache.History, pieces, promptConvolved);
            ops.PromptDeltaRule.Run(
                _shape, promptConvolved, prompted.B, prompted.A, _weights.Decay, _weights.TimeBias, cache.State, pieces, promptRead, batch.StateRows(wave));
            step.KeepStates(_ordinal, wave);
        }

        // Pieces of later waves lie among the rows.
        Tensor prompts = promptRead.Rows(0, batch.PromptRows), terms = batch.PromptRows > 0 && ops.GatedRmsNorm.MakesTerms ? _weights.Output.Terms(step) : default;
        long early = batch.StateWaves == 1 && batch.PromptRows > 0
            ? ops.PromptDeltaRule.EarlyRows(_shape, promptConvolved, batch.StatePieces(0).Shape[0], batch.StateRows(0))
            : 0;
        ops.GatedRmsNorm.Run(prompts, prompted.Z.Rows(0, batch.PromptRows), _weights.Norm, _layer.Config.NormEpsilon, isRounded ? default : prompts, terms, early);

        Tensor generated = ops.GeneratedDeltaNet.MakesPieces ? _weights.Output.Pieces(step) : default;

        // A sequence may have both kinds of rows in a step: then its prompt's last state is as new as can be.
        ops.GeneratedDeltaNet.Run(
            _shape, _parameters, inputs, cache.History, cache.State, batch.Generated, convolved, read, batch.PromptRows,
            settled: batch.PromptRows == 0, generated);
        Addend sum = _weights.Output.Run(read, output, batch.PromptRows, generated.IsEmpty ? terms : generated);
        step.Arena.Release(mark);
        return sum;
    }

    // A prompt's rows as bf16, where they would be as f32.
    private static Tensor InPlace(Tensor rows, long count) => new(DType.BF16, new Shape(count, rows.Shape[1]), rows.Address);

    private DeltaNetInputs Inputs(Tensor product, Tensor gates) => new(
        product.Columns(0, _shape.Channels), product.Columns(_shape.Channels, _shape.ValueWidth), gates.Columns(0, _shape.ValueHeads), gates.Columns(_shape.ValueHeads, _shape.ValueHeads));

    // A prompt's products as bf16 and then their gates as f32, in the place of what they would be as f32.
    private DeltaNetInputs Rounded(NormedRows x, Tensor projected, StepBatch batch)
    {
        long rows = batch.PromptRows, generated = batch.Rows - rows;
        var product = new Tensor(DType.BF16, new Shape(rows, _weights.Input.Outputs - Gates), projected.Address);
        var gates = new Tensor(DType.F32, new Shape(rows, Gates), projected.Address + (nint)product.Bytes);
        _layer.Ops.Linear.RunRounded(x.Values.Rows(0, rows), _weights.Input, product, gates, x.Terms);
        if (generated > 0)
        {
            _layer.Ops.Linear.Run(x.Values.Rows(rows, generated), _weights.Input, projected.Rows(rows, generated), promptRows: 0);
        }

        return Inputs(product, gates);
    }
}
