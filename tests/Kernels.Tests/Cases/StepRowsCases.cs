using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of place_rows and accept_drafts.</summary>
public static class StepRowsCases
{
    private const int Vocabulary = 1000, Entries = 37, Most = 8;

    /// <summary>Steps of every number of segments, of prompts and of generated rows that depend on the step before or do not.</summary>
    public static IEnumerable<OpCase> Place() =>
        ((int[])[1, 2, 5, 36, 130]).Select(segments => new OpCase($"{segments} segments", default, (set, arena) => Place(segments, set, arena)));

    /// <summary>Entries of 0 … 7 drafts of which every number is accepted.</summary>
    public static IEnumerable<OpCase> Accept() =>
        ((int[])[1, 3, 36, 127, 128, 129]).Select(entries => new OpCase($"{entries} entries", default, (set, arena) => Accept(entries, set, arena)));

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
            int[] plan = [rows, count, random.Next((Width * Grid.Cell) - count - Most), random.Next(9), depends ? random.Next(Entries) : -1];
            plan.CopyTo(planned, s * PlannedRows.Columns);
            rows += count;
        }

        int[] text = [.. Enumerable.Range(0, rows).Select(_ => random.Next(-1, Vocabulary + 1))];
        int[] blocks = [.. Enumerable.Range(0, segments * Width).Select(_ => random.Next(5000))];
        var vector = new Shape(rows);
        var placed = new PlacedRows(
            arena.Output(DType.I32, vector), arena.Output(DType.I32, vector), arena.Output(DType.I32, vector), arena.Output(DType.I32, new Shape(segments, Segments.Columns)));
        set.StepRows.PlaceRows(
            arena.Input(planned, new Shape(segments, PlannedRows.Columns)), arena.Input(text, vector), arena.Input(blocks, new Shape(segments, Width)),
            arena.Input(outcome, new Shape(1 + Most, Entries)), Vocabulary, placed);
        return new Outputs().Add("tokens", placed.Tokens, exact: true).Add("positions", placed.Positions, exact: true)
            .Add("cache_slots", placed.CacheSlots, exact: true).Add("segments", placed.Segments, exact: true);
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

        Tensor outcome = arena.Output(DType.I32, new Shape(1 + Most, count + 3));
        set.StepRows.AcceptDrafts(
            arena.Input([.. entries], new Shape(count, StepRows.EntryColumns)), arena.Input([.. tokens], new Shape(tokens.Count)),
            arena.Input([.. chosen], new Shape(chosen.Count)), outcome);
        return new Outputs().Add("outcome", outcome, exact: true);
    }
}
