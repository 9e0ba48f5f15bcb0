using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>A step's rows from what was planned: sequences that verify drafts, whose number of accepted ones the step before has left.</summary>
internal sealed class PlaceRowsBench : OpBench
{
    private readonly StepExample _step;
    private readonly int _planned, _text, _blocks, _outcome, _tokens, _positions, _slots, _segments, _states;

    public PlaceRowsBench(int vocabulary, int sequences) : base("place_rows", StepExample.Shown, sequences, null)
    {
        _step = new StepExample(vocabulary, sequences);
        _planned = Integers(_step.Planned, sequences, PlannedRows.Columns);
        _text = Integers(_step.Text, _step.Rows);
        _blocks = Integers(_step.Blocks, sequences, StepExample.Width);
        _outcome = Integers(_step.Outcome, 2 + StepExample.Drafts, sequences);
        (_tokens, _positions, _slots) = (IntegerOutput(_step.Rows), IntegerOutput(_step.Rows), IntegerOutput(_step.Rows));
        (_segments, _states) = (IntegerOutput(sequences, Segments.Columns), IntegerOutput(sequences, Segments.VersionedColumns));
    }

    // A token, a position and a place of each row; of each sequence its plan, what was accepted, a block, and both tables.
    public override Work Work => new(
        sizeof(int) * ((4.0 * _step.Rows) + ((double)Rows * (PlannedRows.Columns + 2 + Segments.Columns + Segments.VersionedColumns))), 0, FromMemory: false);

    public override void Launch(KernelSet ops, int turn) => ops.StepRows.PlaceRows(
        Data.Own(_planned), Data.Own(_text), Data.Own(_blocks), Data.Own(_outcome), _step.Vocabulary,
        new PlacedRows(Data.Own(_tokens), Data.Own(_positions), Data.Own(_slots), Data.Own(_segments), Data.Own(_states)));

    public override void Check(CheckRun check)
    {
        int[] outputs = [_tokens, _positions, _slots, _segments, _states];
        Tensor[] expected = [.. outputs.Select(o => check.Copy(Data.Own(o)))];
        Array.ForEach(outputs, o => check.Poison(Data.Own(o)));
        Launch(check.Ops, 0);
        check.Exact.StepRows.PlaceRows(
            check.Host(Data.Own(_planned)), check.Host(Data.Own(_text)), check.Host(Data.Own(_blocks)), check.Host(Data.Own(_outcome)), _step.Vocabulary,
            new PlacedRows(expected[0], expected[1], expected[2], expected[3], expected[4]));
        for (int i = 0; i < outputs.Length; i++)
        {
            check.Same($"output {i}", Data.Own(outputs[i]), expected[i]);
        }
    }
}

/// <summary>How many drafts of each sequence were right, and what comes behind them.</summary>
internal sealed class AcceptDraftsBench : OpBench
{
    private readonly StepExample _step;
    private readonly int _entries, _tokens, _chosen, _outcome, _ends;

    public AcceptDraftsBench(int vocabulary, int sequences) : base("accept_drafts", StepExample.Shown, sequences, null)
    {
        _step = new StepExample(vocabulary, sequences);
        _entries = Integers(_step.Entries, sequences, StepRows.EntryColumns);
        _tokens = Integers(_step.Text, _step.Rows);
        _chosen = Integers(_step.Chosen, _step.Rows);
        _outcome = Integers(_step.Outcome, 2 + StepExample.Drafts, sequences);
        _ends = IntegerOutput(sequences);
    }

    public override Work Work => new(sizeof(int) * ((2.0 * _step.Rows) + ((double)Rows * (StepRows.EntryColumns + 3))), 0, FromMemory: false);

    public override void Launch(KernelSet ops, int turn) =>
        ops.StepRows.AcceptDrafts(Data.Own(_entries), Data.Own(_tokens), Data.Own(_chosen), Data.Own(_outcome), Data.Own(_ends));

    public override void Check(CheckRun check)
    {
        Tensor outcome = check.Copy(Data.Own(_outcome)), ends = check.Copy(Data.Own(_ends));
        check.Poison(Data.Own(_ends));
        Launch(check.Ops, 0);
        check.Exact.StepRows.AcceptDrafts(check.Host(Data.Own(_entries)), check.Host(Data.Own(_tokens)), check.Host(Data.Own(_chosen)), outcome, ends);
        check.Same("the outcome", Data.Own(_outcome), outcome);
        check.Same("the last rows", Data.Own(_ends), ends);
    }
}

/// <summary>The token behind each row, known or chosen in this step.</summary>
internal sealed class FollowRowsBench : OpBench
{
    private readonly StepExample _step;
    private readonly int _following, _chosen, _tokens;

    public FollowRowsBench(int vocabulary, int sequences) : base("follow_rows", StepExample.Shown, sequences, null)
    {
        _step = new StepExample(vocabulary, sequences);
        _following = Integers([.. Enumerable.Range(0, _step.Rows).Select(static row => row % 2 == 0 ? -1 - row : row)], _step.Rows);
        _chosen = Integers(_step.Chosen, _step.Rows);
        _tokens = IntegerOutput(_step.Rows);
    }

    public override Work Work => new(sizeof(int) * 3.0 * _step.Rows, 0, FromMemory: false);

    public override void Launch(KernelSet ops, int turn) => ops.StepRows.FollowRows(Data.Own(_following), Data.Own(_chosen), _step.Vocabulary, Data.Own(_tokens));

    public override void Check(CheckRun check)
    {
        Tensor expected = check.Copy(Data.Own(_tokens));
        check.Poison(Data.Own(_tokens));
        Launch(check.Ops, 0);
        check.Exact.StepRows.FollowRows(check.Host(Data.Own(_following)), check.Host(Data.Own(_chosen)), _step.Vocabulary, expected);
        check.Same("the tokens", Data.Own(_tokens), expected);
    }
}

/// <summary>Rows for drafts one further.</summary>
internal sealed class PlaceDraftsBench : OpBench
{
    private readonly StepExample _step;
    private readonly int _ends, _from, _outcome, _blocks, _tokens, _positions, _slots, _segments;

    public PlaceDraftsBench(int vocabulary, int sequences) : base("place_drafts", StepExample.Shown, sequences, null)
    {
        _step = new StepExample(vocabulary, sequences);
        _ends = Integers([.. Enumerable.Range(0, sequences).Select(static s => s * (1 + StepExample.Drafts))], sequences);
        _from = Integers([.. Enumerable.Range(0, _step.Rows).Select(static row => row % ((StepExample.Width - 1) * Grid.Cell))], _step.Rows);
        _outcome = Integers(_step.Outcome, 2 + StepExample.Drafts, sequences);
        _blocks = Integers(_step.Blocks, sequences, StepExample.Width);
        (_tokens, _positions, _slots, _segments) = (IntegerOutput(sequences), IntegerOutput(sequences), IntegerOutput(sequences), IntegerOutput(sequences, Segments.Columns));
    }

    public override Work Work => new(sizeof(int) * Rows * (7.0 + Segments.Columns), 0, FromMemory: false);

    public override void Launch(KernelSet ops, int turn) => ops.StepRows.PlaceDrafts(
        Data.Own(_ends), Data.Own(_from), Data.Own(_outcome), Data.Own(_blocks), depth: 1, _step.Vocabulary,
        new DraftRows(Data.Own(_tokens), Data.Own(_positions), Data.Own(_slots), Data.Own(_segments)));

    public override void Check(CheckRun check)
    {
        int[] outputs = [_tokens, _positions, _slots, _segments];
        Tensor[] expected = [.. outputs.Select(o => check.Copy(Data.Own(o)))];
        Array.ForEach(outputs, o => check.Poison(Data.Own(o)));
        Launch(check.Ops, 0);
        check.Exact.StepRows.PlaceDrafts(
            check.Host(Data.Own(_ends)), check.Host(Data.Own(_from)), check.Host(Data.Own(_outcome)), check.Host(Data.Own(_blocks)), depth: 1, _step.Vocabulary,
            new DraftRows(expected[0], expected[1], expected[2], expected[3]));
        for (int i = 0; i < outputs.Length; i++)
        {
            check.Same($"output {i}", Data.Own(outputs[i]), expected[i]);
        }
    }
}

/// <summary>The random bits that choose each row's token.</summary>
internal sealed class DrawNumbersBench : OpBench
{
    private readonly int _seeds, _from, _positions, _draws;

    public DrawNumbersBench(int rows) : base("draw_numbers", "Philox4x32-10", rows, null)
    {
        var random = new Random(rows);
        _seeds = Integers([.. Enumerable.Range(0, 2 * rows).Select(_ => random.Next(int.MinValue, int.MaxValue))], rows, 2);
        _from = Integers([.. Enumerable.Range(0, rows)], rows);
        _positions = Integers([.. Enumerable.Range(0, rows).Select(_ => random.Next(1 << 18))], rows);
        _draws = IntegerOutput(rows, 2);
    }

    // Ten rounds of two products of 32 bits each.
    public override Work Work => new(sizeof(int) * 6.0 * Rows, 20.0 * Rows, FromMemory: false);

    public override void Launch(KernelSet ops, int turn) => ops.StepRows.DrawNumbers(Data.Own(_seeds), Data.Own(_from), Data.Own(_positions), Data.Own(_draws));

    public override void Check(CheckRun check)
    {
        Tensor expected = check.Copy(Data.Own(_draws));
        check.Poison(Data.Own(_draws));
        Launch(check.Ops, 0);
        check.Exact.StepRows.DrawNumbers(check.Host(Data.Own(_seeds)), check.Host(Data.Own(_from)), check.Host(Data.Own(_positions)), expected);
        check.Same("the draws", Data.Own(_draws), expected);
    }
}
