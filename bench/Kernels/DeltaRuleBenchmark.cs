using BenchmarkDotNet.Attributes;
using Lean.Bench.Data;
using Lean.Engine.Bench.Ops;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Bench.Kernels;

/// <summary>
/// The gated delta rule. gdn_recurrent: T sequences of one row each, as in decoding; gdn_chunked: one sequence of T rows
/// of a prompt that began earlier.
/// </summary>
[BenchmarkCategory("deltanet")]
public class DeltaRuleBenchmark : KernelBenchmark
{
    private const int Slots = 256;

    private static readonly DeltaRuleShape Heads = new(KeyHeads: 16, ValueHeads: 32, KeyDim: 128, ValueDim: 128);

    private Tensor[] _segments = [];
    private Tensor _convolved;
    private Tensor _b;
    private Tensor _a;
    private Tensor _decay;
    private Tensor _timeBias;
    private Tensor _states;
    private Tensor _y;

    [Params("gdn_recurrent", "gdn_chunked")]
    public override string Kernel { get; set; } = "";

    private bool IsChunked => Kernel == "gdn_chunked";

    private protected override (string Shape, Work Work) Arrange()
    {
        _states = RandomData.States.View(DType.F32, Heads.State(Slots));
        (_convolved, _y) = (Random(Rows, Heads.Channels), Poisoned(Rows, Heads.ValueWidth));
        (_b, _a) = (Random(Rows, Heads.ValueHeads), Random(Rows, Heads.ValueHeads));
        (_decay, _timeBias) = (Random(Heads.ValueHeads), Random(Heads.ValueHeads));
        int sequences = IsChunked ? 1 : Rows, turns = Slots / sequences;
        _segments = [.. Enumerable.Range(0, turns).Select(turn => Segmented(turn * sequences))];

        // The state decays (1 flop an element), meets k (2), takes up k uᵀ (2) and meets q (2).
        double state = 1.0 * Heads.ValueHeads * Heads.KeyDim * Heads.ValueDim;
        return (
            $"{Heads.ValueHeads} heads {Heads.KeyDim}×{Heads.ValueDim}, {(IsChunked ? "one sequence" : "a sequence per row")}",
            new Work((2 * state * sizeof(float) * sequences) + _convolved.Bytes + _y.Bytes, 7 * state * Rows));
    }

    private protected override void Launch(int turn) =>
        Run(IsChunked ? Ops.PromptDeltaRule : Ops.GeneratedDeltaRule, _states, _segments[turn % _segments.Length], _y);

    // Both the output and the state that a sequence is left with are compared.
    private protected override double Check()
    {
        double worst = 0;
        Tensor expected = Poisoned(Rows, Heads.ValueWidth);
        int[] slots = IsChunked ? [0] : SampledRows();
        Tensor[] states = [.. slots.Select(Copy)];
        Launch(0);
        for (int i = 0; i < slots.Length; i++)
        {
            int slot = slots[i], rows = IsChunked ? Rows : 1;
            Tensor segment = Integers(new Shape(1, Segments.Columns), [slot, rows, Grid.Cell, 0]);
            Run(Exact.GeneratedDeltaRule, states[i], segment, expected);
            worst = Math.Max(worst, Oracle.RelativeError(_y.Rows(slot, rows), expected.Rows(slot, rows)));
            worst = Math.Max(worst, Oracle.RelativeError(_states.Rows(slot, 1), states[i]));
        }

        return Oracle.IsWritten(_y) ? worst : double.NaN;
    }

    private void Run(GatedDeltaRule op, Tensor states, Tensor segments, Tensor output) =>
        op.Run(Heads, _convolved, _b, _a, _decay, _timeBias, states, segments, output);

    private Tensor Segmented(int firstSlot)
    {
        int[] values = IsChunked
            ? [0, Rows, Grid.Cell, firstSlot]
            : [.. Enumerable.Range(0, Rows).SelectMany(row => new[] { row, 1, Grid.Cell, firstSlot + row })];
        return Integers(new Shape(values.Length / Segments.Columns, Segments.Columns), values);
    }

    private Tensor Copy(int slot)
    {
        Tensor copy = Take(DType.F32, Heads.State(1));
        _states.Rows(slot, 1).AsSpan<float>().CopyTo(copy.AsSpan<float>());
        return copy;
    }
}
