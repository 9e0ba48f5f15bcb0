using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of place_rows, accept_drafts, follow_rows, place_drafts and draw_numbers.</summary>
public static class StepRowsCases
{
    private const int Vocabulary = 1000, Entries = 37, Most = 8;

    /// <summary>Steps of every number of segments, of prompts and of generated rows that depend on the step before or do not.</summary>
    public static IEnumerable<OpCase> Place() =>
        ((int[])[1, 2, 5, 36, 130]).Select(segments => new OpCase($"{segments} segments", default, (set, arena) => Place(segments, set, arena)));

    /// <summary>Entries of 0 … 7 drafts of which every number is accepted.</summary>
    public static IEnumerable<OpCase> Accept() =>
        ((int[])[1, 3, 36, 127, 128, 129]).Select(entries => new OpCase($"{entries} entries", default, (set, arena) => Accept(entries, set, arena)));

    /// <summary>Rows whose next token is known and rows whose is not.</summary>
    public static IEnumerable<OpCase> Follow() => ((int[])[1, 2, 127, 128, 129, 300]).Select(rows => new OpCase($"{rows} rows", default, (set, arena) =>
    {
        var random = new Random(rows);
        int[] chosen = [.. Enumerable.Range(0, 41).Select(_ => random.Next(-1, Vocabulary + 1))];
        int[] following = [.. Enumerable.Range(0, rows).Select(_ => random.Next(-chosen.Length, Vocabulary + 1))];
        Tensor tokens = arena.Output(DType.I32, new Shape(rows));
        set.StepRows.FollowRows(arena.Input(following, new Shape(rows)), arena.Input(chosen, new Shape(chosen.Length)), Vocabulary, tokens);
        return new Outputs().Add("tokens", tokens, exact: true);
    }));

    /// <summary>Every depth, for as many sequences as there are entries, or fewer.</summary>
    public static IEnumerable<OpCase> Draft() =>
        from depth in Enumerable.Range(0, Most)
        from drafts in (int[])[1, 36, Entries]
        select new OpCase($"depth {depth}, {drafts} sequences", default, (set, arena) =>
        {
            const int Width = 4, Rows = 200;
            var random = new Random(depth);
            int[] rows = [.. Enumerable.Range(0, Entries).Select(_ => random.Next(Rows))];
            int[] positions = [.. Enumerable.Range(0, Rows).Select(_ => random.Next((Width * Grid.Cell) - Most))];
            int[] outcome = [.. Enumerable.Range(0, (1 + Most) * Entries).Select(_ => random.Next(-1, Vocabulary + 1))];
            int[] blocks = [.. Enumerable.Range(0, drafts * Width).Select(_ => random.Next(5000))];
            var vector = new Shape(drafts);
            var found = new DraftRows(
                arena.Output(DType.I32, vector), arena.Output(DType.I32, vector), arena.Output(DType.I32, vector), arena.Output(DType.I32, new Shape(drafts, Segments.Columns)));
            set.StepRows.PlaceDrafts(
                arena.Input(rows, new Shape(Entries)), arena.Input(positions, new Shape(Rows)), arena.Input(outcome, new Shape(1 + Most, Entries)),
                arena.Input(blocks, new Shape(drafts, Width)), depth, Vocabulary, found);
            return new Outputs().Add("tokens", found.Tokens, exact: true).Add("positions", found.Positions, exact: true)
                .Add("cache_slots", found.CacheSlots, exact: true).Add("segments", found.Segments, exact: true);
        });

    /// <summary>Seeds and positions of all sizes.</summary>
    public static IEnumerable<OpCase> Draw() => ((int[])[1, 127, 128, 129, 500]).Select(draws => new OpCase($"{draws} draws", default, (set, arena) =>
    {
        var random = new Random(draws);
        int[] seeds = [.. Enumerable.Range(0, 2 * draws).Select(i => i < 4 ? 0 : random.Next(int.MinValue, int.MaxValue))];
        int[] positions = [0, 1, 262143, int.MaxValue - 1, .. Enumerable.Range(0, 60).Select(_ => random.Next(1 << 20))];
        Tensor found = arena.Output(DType.I32, new Shape(draws, 2));
        set.StepRows.DrawNumbers(
            arena.Input(seeds, new Shape(draws, 2)), arena.Input([.. Enumerable.Range(0, draws).Select(i => i % positions.Length)], new Shape(draws)),
            arena.Input(positions, new Shape(positions.Length)), found);
        return new Outputs().Add("draws", found, exact: true);
    }));

    private static Outputs Place(int segments, KernelSet set, Arena arena)
    {
        const int Width = 9;
        var random = new Random(segments);
        int[] planned = new int[segments * PlannedRows.Columns];
        int[] outcome = [.. Enumerable.Range(0, (1 + Most) * Entries).Select(i => i < Entries ? random.Next(Most) : random.Next(-1, Vocabulary + 1))];
        int rows = 0;
        for (int s = 0; s < segments; s++)
        {
            // Rows in the order of segments, with a row that is nobody's now and then.
            bool depends = random.Next(3) > 0;
            int count = depends ? 1 + random.Next(Most) : 1 + random.Next(200);
            rows += random.Next(2);
            int[] plan = [rows, count, random.Next((Width * Grid.Cell) - count - Most), random.Next(9), depends ? random.Next(Entries) : -1, random.Next(9), random.Next(2)];
            plan.CopyTo(planned, s * PlannedRows.Columns);
            rows += count;
        }

        int[] text = [.. Enumerable.Range(0, rows).Select(_ => random.Next(-1, Vocabulary + 1))];
        int[] blocks = [.. Enumerable.Range(0, segments * Width).Select(_ => random.Next(5000))];
        var vector = new Shape(rows);
        var placed = new PlacedRows(
            arena.Output(DType.I32, vector), arena.Output(DType.I32, vector), arena.Output(DType.I32, vector), arena.Output(DType.I32, new Shape(segments, Segments.Columns)),
            arena.Output(DType.I32, new Shape(segments, Segments.VersionedColumns)));
        set.StepRows.PlaceRows(
            arena.Input(planned, new Shape(segments, PlannedRows.Columns)), arena.Input(text, vector), arena.Input(blocks, new Shape(segments, Width)),
            arena.Input(outcome, new Shape(1 + Most, Entries)), Vocabulary, placed);
        return new Outputs().Add("tokens", placed.Tokens, exact: true).Add("positions", placed.Positions, exact: true)
            .Add("cache_slots", placed.CacheSlots, exact: true).Add("segments", placed.Segments, exact: true).Add("states", placed.States, exact: true);
    }

    private static Outputs Accept(int count, KernelSet set, Arena arena)
    {
        var random = new Random(count);
        var entries = new List<int>();
        var tokens = new List<int>();
        var chosen = new List<int>();
        for (int e = 0; e < count; e++)
        {
            // The drafts behind the first one that is refused may be right again: that counts for nothing.
            int drafts = random.Next(Most), accepted = random.Next(drafts + 1);
            tokens.AddRange(Enumerable.Repeat(-5, random.Next(2)));
            entries.AddRange([chosen.Count, tokens.Count, drafts]);
            tokens.Add(7);
            for (int i = 0; i <= drafts; i++)
            {
                int choice = random.Next(Vocabulary);
                chosen.Add(choice);
                if (i < drafts)
                {
                    tokens.Add(i == accepted ? choice + 1 : choice);
                }
            }
        }

        Tensor outcome = arena.Output(DType.I32, new Shape(1 + Most, count + 3)), rows = arena.Output(DType.I32, new Shape(count));
        set.StepRows.AcceptDrafts(
            arena.Input([.. entries], new Shape(count, StepRows.EntryColumns)), arena.Input([.. tokens], new Shape(tokens.Count)),
            arena.Input([.. chosen], new Shape(chosen.Count)), outcome, rows);
        return new Outputs().Add("outcome", outcome, exact: true).Add("rows", rows, exact: true);
    }
}
