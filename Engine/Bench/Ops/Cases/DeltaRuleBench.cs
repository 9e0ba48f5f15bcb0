using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// The gated delta rule. Generated rows: a sequence each. Prompt rows: one sequence that began earlier.
/// </summary>
internal sealed class DeltaRuleBench : OpBench
{
    // With bf16 activations on Hopper, which alone has a norm that adds up parts, keys and queries of prompts are one bf16 each; the reference does not round them.
    private const double RoundedKeys = 4e-3;

    private readonly DeltaRuleShape _heads;
    private readonly DType _type;
    private readonly int _sequences, _convolved, _b, _a, _decay, _timeBias, _segments, _states, _y;

    /// <param name="heads">The heads.</param>
    /// <param name="rows">T.</param>
    /// <param name="rowClass">The rows' class.</param>
    /// <param name="type">What the convolution before it leaves.</param>
    public DeltaRuleBench(DeltaRuleShape heads, int rows, RowClass rowClass, DType type)
        : base("gated_delta_rule", $"{heads.ValueHeads} heads {heads.KeyDim}×{heads.ValueDim}{(type == DType.F32 ? "" : $", {type.Name()}")}", rows, rowClass)
    {
        (_heads, _sequences, _type) = (heads, rowClass == RowClass.Prompt ? 1 : rows, type);
        (_convolved, _y) = (Add(new OwnTensor(type, new Shape(rows, heads.Channels), Random: true)), Add(new OwnTensor(type, new Shape(rows, heads.ValueWidth))));
        (_b, _a) = (Random(rows, heads.ValueHeads), Random(rows, heads.ValueHeads));
        (_decay, _timeBias) = (Random(heads.ValueHeads), Random(heads.ValueHeads));
        _segments = Integers(SegmentTable.Of(rows, rowClass, Grid.Cell), _sequences, Segments.Columns);
        _states = Written.Add(DType.F32, heads.State(_sequences));
    }

    // The state decays (1 flop an element), meets k (2), takes up k uᵀ (2) and meets q (2); both forms count these.
    public override Work Work
    {
        get
        {
            double state = (double)_heads.ValueHeads * _heads.KeyDim * _heads.ValueDim;
            double rows = (double)Rows * ((_type.Size() * (_heads.Channels + _heads.ValueWidth)) + (2 * sizeof(float) * _heads.ValueHeads));
            return new Work((2 * sizeof(float) * state * _sequences) + rows, 7 * state * Rows);
        }
    }

    public override void Launch(KernelSet ops, int turn) => (Class == RowClass.Prompt ? ops.PromptDeltaRule : ops.GeneratedDeltaRule).Run(
        _heads, Data.Own(_convolved), Data.Own(_b), Data.Own(_a), Data.Own(_decay), Data.Own(_timeBias), Data.Written(_states, turn), Data.Own(_segments), Data.Own(_y));

    public override void Check(CheckRun check)
    {
        Tensor y = Data.Own(_y), states = Data.Written(_states, 0);
        check.Poison(y);
        if (Class == RowClass.Prompt)
        {
            Tensor before = check.Copy(states);
            Launch(check.Ops, 0);
            check.Whole("the output", y);
            CheckHeads(check, before);
            return;
        }

        int[] rows = Sampled();
        Tensor[] slots = [.. rows.Select(row => check.Copy(states.Rows(row, 1)))];
        Launch(check.Ops, 0);
        check.Whole("the output", y);
        Tensor segment = check.New([0, 1, Grid.Cell, 0], 1, Segments.Columns);
        for (int i = 0; i < rows.Length; i++)
        {
            Tensor expected = check.New(DType.F32, 1, _heads.ValueWidth);
            check.Exact.GeneratedDeltaRule.Run(
                _heads, check.Copy(Data.Own(_convolved).Rows(rows[i], 1)), check.Copy(Data.Own(_b).Rows(rows[i], 1)), check.Copy(Data.Own(_a).Rows(rows[i], 1)),
                check.Host(Data.Own(_decay)), check.Host(Data.Own(_timeBias)), slots[i], segment, expected);
            check.Close($"row {rows[i]}", y.Rows(rows[i], 1), expected, SumsInF32);
            check.Close($"the state of row {rows[i]}", states.Rows(rows[i], 1), slots[i], SumsInF32);
        }
    }

    // A prompt's last row depends on every row before it, so whole heads are sampled instead: a key head and its value heads.
    private void CheckHeads(CheckRun check, Tensor before)
    {
        int each = _heads.ValueHeads / _heads.KeyHeads, values = each * _heads.ValueDim, keys = _heads.KeyHeads * _heads.KeyDim;
        var one = new DeltaRuleShape(1, each, _heads.KeyDim, _heads.ValueDim);
        Tensor convolved = Data.Own(_convolved), decay = check.Host(Data.Own(_decay)), timeBias = check.Host(Data.Own(_timeBias));
        Tensor segment = check.New([0, Rows, Grid.Cell, 0], 1, Segments.Columns);
        int[] sampled = [.. ((int[])[0, _heads.KeyHeads / 2, _heads.KeyHeads - 1]).Distinct()];
        Tensor[] inputs = Array.ConvertAll(sampled, head =>
        {
            Tensor input = check.New(DType.F32, Rows, one.Channels);
            Bring(head * one.KeyDim, 0, one.KeyDim);
            Bring(keys + (head * one.KeyDim), one.KeyDim, one.KeyDim);
            Bring((2 * keys) + (head * values), 2 * one.KeyDim, values);
            return input;

            void Bring(int from, int to, int count)
            {
                Tensor some = check.Floats(check.Copy(convolved.Columns(from, count)));
                for (int row = 0; row < Rows; row++)
                {
                    some.Rows(row, 1).AsSpan<float>().CopyTo(input.Rows(row, 1).AsSpan<float>().Slice(to, count));
                }
            }
        });
        Tensor b = check.Host(Data.Own(_b)), a = check.Host(Data.Own(_a));
        Tensor[] expected = Array.ConvertAll(sampled, _ => check.New(DType.F32, Rows, values));
        Tensor[] states = Array.ConvertAll(sampled, head => before.Slice(0).Rows(head * each, each).Reshape(one.State(1)));
        Parallel.For(0, sampled.Length, i => check.Exact.PromptDeltaRule.Run(
            one, inputs[i], b.Columns(sampled[i] * each, each), a.Columns(sampled[i] * each, each),
            decay.Rows(sampled[i] * each, each), timeBias.Rows(sampled[i] * each, each), states[i], segment, expected[i]));
        double allowed = _heads.ValueDim % 64 == 0 && check.Ops is { Activations: DType.BF16, SummedNorm: not null } ? RoundedKeys : SumsInF32;
        for (int i = 0; i < sampled.Length; i++)
        {
            check.Close($"key head {sampled[i]}", Data.Own(_y).Columns(sampled[i] * values, values), expected[i], allowed);
            Tensor found = Data.Written(_states, 0).Slice(0).Rows(sampled[i] * each, each);
            check.Close($"the state of key head {sampled[i]}", found.Reshape(one.State(1)), states[i], allowed);
        }
    }
}
