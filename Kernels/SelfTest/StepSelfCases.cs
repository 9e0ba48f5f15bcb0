using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of what a step takes from the one before it.</summary>
internal static class StepSelfCases
{
    private const int Vocabulary = 500, Width = 5, Entries = 40, Most = 8;

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() =>
    [
        new("place_rows", $"{Entries} segments", 0, Place),
        new("accept_drafts", $"{Entries} entries", 0, Accept),
        new("follow_rows", $"{Entries} rows", 0, Follow),
        new("place_drafts", $"{Entries} entries", 0, Draft),
        new("draw_numbers", $"{Entries} rows", 0, Draw),
    ];

    // Segments of a prompt, of single rows and of rows with drafts; every second one depends on an entry.
    private static Tensor[] Place(KernelSet set, GuardedMemory memory)
    {
        int[] planned = new int[Entries * PlannedRows.Columns];
        int rows = 0;
        for (int s = 0; s < Entries; s++)
        {
            int count = s == 0 ? 150 : 1 + (s % Most), previous = s % 2 == 0 ? -1 : s / 2;
            int[] plan = [rows, count, s * 3, s, previous, s + 1, s % 2];
            plan.CopyTo(planned, s * PlannedRows.Columns);
            rows += count;
        }

        int[] outcome = [.. Enumerable.Range(0, (1 + Most) * Entries).Select(i => i < Entries ? i % Most : (i * 37 % (Vocabulary + 2)) - 1)];
        Tensor tokens = memory.New("tokens", DType.I32, new Shape(rows)), positions = memory.New("positions", DType.I32, new Shape(rows));
        Tensor slots = memory.New("slots", DType.I32, new Shape(rows)), segments = memory.New("segments", DType.I32, new Shape(Entries, Segments.Columns));
        Tensor states = memory.New("states", DType.I32, new Shape(Entries, Segments.VersionedColumns));
        set.StepRows.PlaceRows(
            memory.New("planned", new Shape(Entries, PlannedRows.Columns), planned),
            memory.New("text", new Shape(rows), [.. Enumerable.Range(0, rows).Select(i => i % Vocabulary)]),
            memory.New("blocks", new Shape(Entries, Width), [.. Enumerable.Range(0, Entries * Width).Select(i => i * 7)]),
            memory.New("outcome", new Shape(1 + Most, Entries), outcome), Vocabulary, new PlacedRows(tokens, positions, slots, segments, states));
        return [tokens, positions, slots, segments, states];
    }

    // Entry e has e mod 8 drafts, of which e mod 5 are right, if there are so many.
    private static Tensor[] Accept(KernelSet set, GuardedMemory memory)
    {
        var entries = new List<int>();
        var tokens = new List<int>();
        for (int e = 0; e < Entries; e++)
        {
            entries.AddRange([tokens.Count, tokens.Count, e % Most]);
            tokens.AddRange(Enumerable.Range(0, 1 + (e % Most)).Select(i => i == 1 + (e % 5) ? 0 : 10 + i));
        }

        Tensor outcome = memory.New("outcome", new Shape(1 + Most, Entries), new int[(1 + Most) * Entries]);
        Tensor rows = memory.New("rows", DType.I32, new Shape(Entries));
        set.StepRows.AcceptDrafts(
            memory.New("entries", new Shape(Entries, StepRows.EntryColumns), [.. entries]), memory.New("tokens", new Shape(tokens.Count), [.. tokens]),
            memory.New("chosen", new Shape(tokens.Count), [.. Enumerable.Range(0, Entries).SelectMany(static e => Enumerable.Range(11, 1 + (e % Most)))]), outcome, rows);
        return [outcome, rows];
    }

    private static Tensor[] Follow(KernelSet set, GuardedMemory memory)
    {
        Tensor tokens = memory.New("tokens", DType.I32, new Shape(Entries));
        set.StepRows.FollowRows(
            memory.New("following", new Shape(Entries), [.. Enumerable.Range(0, Entries).Select(i => i % 3 == 0 ? -1 - (i / 3) : i * 13)]),
            memory.New("chosen", new Shape(Entries), [.. Enumerable.Range(0, Entries).Select(i => (i * 14) - 1)]), Vocabulary, tokens);
        return [tokens];
    }

    private static Tensor[] Draft(KernelSet set, GuardedMemory memory)
    {
        var vector = new Shape(Entries);
        Tensor tokens = memory.New("tokens", DType.I32, vector), positions = memory.New("places", DType.I32, vector);
        Tensor slots = memory.New("slots", DType.I32, vector), segments = memory.New("segments", DType.I32, new Shape(Entries, Segments.Columns));
        set.StepRows.PlaceDrafts(
            memory.New("rows", vector, [.. Enumerable.Range(0, Entries).Select(i => Entries - 1 - i)]),
            memory.New("positions", vector, [.. Enumerable.Range(0, Entries).Select(i => i * 7)]),
            memory.New("outcome", new Shape(1 + Most, Entries), [.. Enumerable.Range(0, (1 + Most) * Entries).Select(i => (i * 5 % (Vocabulary + 2)) - 1)]),
            memory.New("blocks", new Shape(Entries, Width), [.. Enumerable.Range(0, Entries * Width).Select(i => i * 7)]), depth: 3, Vocabulary,
            new DraftRows(tokens, positions, slots, segments));
        return [tokens, positions, slots, segments];
    }

    private static Tensor[] Draw(KernelSet set, GuardedMemory memory)
    {
        Tensor draws = memory.New("draws", DType.I32, new Shape(Entries, 2));
        set.StepRows.DrawNumbers(
            memory.New("seeds", new Shape(Entries, 2), [.. Enumerable.Range(0, 2 * Entries).Select(i => unchecked(i * 0x1234567))]),
            memory.New("rows", new Shape(Entries), [.. Enumerable.Range(0, Entries).Select(i => i / 2)]),
            memory.New("positions", new Shape(Entries), [.. Enumerable.Range(0, Entries).Select(i => i * i * 1000)]), draws);
        return [draws];
    }
}
