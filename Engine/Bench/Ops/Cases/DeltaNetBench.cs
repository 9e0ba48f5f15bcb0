using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>What stands between a Gated DeltaNet layer's projections, for generated rows, a sequence each.</summary>
internal sealed class DeltaNetBench : OpBench
{
    private const float Epsilon = 1e-6f;

    private readonly DeltaRuleShape _heads;
    private readonly int _taps, _projected, _convolution, _decay, _timeBias, _norm, _segments, _convolved, _histories, _states, _y;

    public DeltaNetBench(DeltaRuleShape heads, int taps, int rows)
        : base("generated_delta_net", $"{heads.ValueHeads} heads {heads.KeyDim}×{heads.ValueDim}, {taps} taps", rows, RowClass.Generated)
    {
        (_heads, _taps) = (heads, taps);
        (_projected, _convolved, _y) = (
            Random(rows, heads.Channels + heads.ValueWidth + (2 * heads.ValueHeads)), Output(rows, heads.Channels), Output(rows, heads.ValueWidth));
        (_convolution, _decay, _timeBias, _norm) = (Random(heads.Channels, taps), Random(heads.ValueHeads), Random(heads.ValueHeads), Random(heads.ValueDim));
        _segments = Integers(SegmentTable.Of(rows, RowClass.Generated, Grid.Cell), rows, Segments.Columns);
        (_histories, _states) = (Written.Add(DType.F32, new Shape(rows, taps - 1, heads.Channels)), Written.Add(DType.F32, heads.State(rows)));
    }

    // States and histories there and back; the rule as in DeltaRuleBench, the convolution and the norm as in their own.
    public override Work Work
    {
        get
        {
            double state = (double)_heads.ValueHeads * _heads.KeyDim * _heads.ValueDim, channels = _heads.Channels;
            double each = (2 * (state + ((_taps - 1) * channels))) + channels + (2 * _heads.ValueWidth) + (2 * _heads.ValueHeads);
            return new Work(
                sizeof(float) * ((Rows * each) + (_taps * channels)),
                Rows * ((7 * state) + (channels * ((2 * _taps) + 5)) + (9.0 * _heads.ValueWidth)));
        }
    }

    // As in a step, nothing that may still run writes what a turn reads: each has a history and a state of its own.
    public override void Launch(KernelSet ops, int turn) => ops.GeneratedDeltaNet.Run(
        _heads, Weights(Data.Own(_convolution), Data.Own(_decay), Data.Own(_timeBias), Data.Own(_norm)), Inputs(Data.Own(_projected)),
        Data.Written(_histories, turn), Data.Written(_states, turn), Data.Own(_segments), Data.Own(_convolved), Data.Own(_y), 0, settled: true);

    public override void Check(CheckRun check)
    {
        Tensor y = Data.Own(_y), states = Data.Written(_states, 0), histories = Data.Written(_histories, 0);
        check.Poison(y);
        int[] rows = Sampled();
        Tensor[] slots = [.. rows.Select(row => check.Copy(states.Rows(row, 1)))], pasts = [.. rows.Select(row => check.Copy(histories.Rows(row, 1)))];
        Launch(check.Ops, 0);
        check.Whole("the output", y);
        DeltaNetParameters weights = Weights(
            check.Host(Data.Own(_convolution)), check.Host(Data.Own(_decay)), check.Host(Data.Own(_timeBias)), check.Host(Data.Own(_norm)));
        Tensor segment = check.New([0, 1, Grid.Cell, 0], 1, Segments.Columns);
        for (int i = 0; i < rows.Length; i++)
        {
            Tensor expected = check.New(DType.F32, 1, _heads.ValueWidth);
            check.Exact.GeneratedDeltaNet.Run(
                _heads, weights, Inputs(check.Copy(Data.Own(_projected).Rows(rows[i], 1))), pasts[i], slots[i], segment,
                check.New(DType.F32, 1, _heads.Channels), expected, 0);
            check.Close($"row {rows[i]}", y.Rows(rows[i], 1), expected, SumsInF32);
            check.Close($"the state of row {rows[i]}", states.Rows(rows[i], 1), slots[i], SumsInF32);
            check.Close($"the history of row {rows[i]}", histories.Rows(rows[i], 1), pasts[i], 0);
        }
    }

    private static DeltaNetParameters Weights(Tensor convolution, Tensor decay, Tensor timeBias, Tensor norm) => new(convolution, decay, timeBias, norm, Epsilon);

    private DeltaNetInputs Inputs(Tensor projected)
    {
        int z = _heads.Channels, b = z + _heads.ValueWidth, a = b + _heads.ValueHeads;
        return new DeltaNetInputs(
            projected.Columns(0, z), projected.Columns(z, _heads.ValueWidth), projected.Columns(b, _heads.ValueHeads), projected.Columns(a, _heads.ValueHeads));
    }
}
