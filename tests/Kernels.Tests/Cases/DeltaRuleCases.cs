using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of gated_delta_rule, for either row class.</summary>
public static class DeltaRuleCases
{
    private static readonly DeltaRuleShape[] Heads =
    [
        new(1, 1, 1, 1), new(3, 6, 8, 8), new(1, 5, 16, 24), new(2, 2, 32, 40), new(5, 5, 24, 16), new(1, 3, 40, 8), new(2, 4, 33, 17), new(1, 1, 64, 128), new(1, 2, 128, 128), new(1, 1, 256, 64),
    ];

    /// <summary>A run of rows of a sequence, behind a state that some call left.</summary>
    /// <param name="Stream">The sequence.</param>
    /// <param name="From">Its first row in this call, and so the position.</param>
    /// <param name="Count">Rows.</param>
    /// <param name="State">[ValueHeads, dk, dv]; null where the sequence begins here.</param>
    public readonly record struct Part(DeltaRuleStream Stream, int From, int Count, float[]? State);

    /// <summary>Every head shape, lengths 1 … 130 and ragged batches. Prompt segments begin on the grid, generated ones anywhere.</summary>
    public static IEnumerable<OpCase> All(RowClass rowClass)
    {
        int start = rowClass == RowClass.Prompt ? 64 : 37;
        foreach (DeltaRuleShape shape in Heads)
        {
            yield return Of($"{shape}", shape, (0, 67), (start, 3));
        }

        DeltaRuleShape small = new(1, 2, 8, 8);
        for (int rows = 1; rows <= 130; rows++)
        {
            yield return Of($"{rows} rows", small, (0, rows));
            yield return Of($"{rows} rows behind a state", small, (start, rows));
        }

        yield return Of("ragged", new DeltaRuleShape(3, 6, 16, 8), (0, 1), (start, 1), (0, 64), (2 * start, 65), (0, 130), (start, 128), (0, 33));
        yield return Of("one row each", new DeltaRuleShape(2, 4, 24, 32), [.. Enumerable.Range(0, 9).Select(i => (i * start, 1))]);

        OpCase Of(string name, DeltaRuleShape shape, params (int From, int Count)[] parts) => new(name, Allowed(shape), (set, arena) =>
        {
            Part[] all = [.. parts.Select((p, i) => new Part(new DeltaRuleStream(i + 80, shape, p.From + p.Count), p.From, p.Count, p.From == 0 ? null : State(i, shape)))];
            return Outputs.Parts(Run(set, arena, rowClass, shape, all, 3));
        });
    }

    /// <summary>What f32 may differ from f64: sums over dk and over a cell, of states that rows correct again and again.</summary>
    public static Tolerance Allowed(DeltaRuleShape shape) => Tolerance.Sum(shape.KeyDim + Grid.Cell).Plus(new Tolerance(1e-6, 2e-6));

    /// <summary>A_log, from heads that forget nothing in a thousand rows to heads that forget all in one.</summary>
    public static float[] Decay(DeltaRuleShape shape) => [.. Enumerable.Range(0, shape.ValueHeads).Select(j => (float)((j * 2.4 % 10) - 7))];

    /// <summary>dt_bias.</summary>
    public static float[] TimeBias(DeltaRuleShape shape) => Numbers.Normal(82, shape.ValueHeads);

    /// <summary>A state as rows leave it.</summary>
    public static float[] State(int seed, DeltaRuleShape shape) =>
        Numbers.Normal(seed + 95, shape.State(1).Count, 1 / Math.Sqrt(shape.KeyDim));

    /// <summary>Runs the parts in one call, from rows that are aligned or not; the outputs and the state of each.</summary>
    public static Outputs[] Run(KernelSet set, Arena arena, RowClass rowClass, DeltaRuleShape shape, Part[] parts, int seed, bool aligned = false)
    {
        var batch = new Ragged(seed, [.. parts.Select(p => (p.Count, p.From))]);
        float[] rows = Place(s => s.Convolved, shape.Channels);
        Shape all = new(batch.Rows, shape.Channels);
        Tensor convolved = aligned ? arena.Aligned(rows, all) : arena.Input(rows, all);
        Tensor b = arena.Strided(Place(s => s.B, shape.ValueHeads), new Shape(batch.Rows, shape.ValueHeads), gap: 3);
        Tensor a = arena.Strided(Place(s => s.A, shape.ValueHeads), new Shape(batch.Rows, shape.ValueHeads), gap: 1);
        Tensor decay = arena.Input(Decay(shape), new Shape(shape.ValueHeads));
        Tensor timeBias = arena.Input(TimeBias(shape), new Shape(shape.ValueHeads));
        Tensor state = arena.State(batch.PlaceStates((int)shape.State(1).Count, s => parts[s].State), shape.State(batch.Slots));
        Tensor output = arena.Output(DType.F32, new Shape(batch.Rows, shape.ValueWidth));
        GatedDeltaRule op = rowClass == RowClass.Prompt ? set.PromptDeltaRule : set.GeneratedDeltaRule;
        op.Run(shape, convolved, b, a, decay, timeBias, state, batch.Segments(arena), output);
        batch.AssertOthersUntouched(output, state);
        return
        [
            .. parts.Select((p, s) => new Outputs()
                .Add("output", output.Rows(batch.FirstRow(s), p.Count))
                .Add("state", state.Rows(batch.Slot(s), 1))),
        ];

        float[] Place(Func<DeltaRuleStream, float[]> values, int width) =>
            batch.Place(width, s => values(parts[s].Stream).AsMemory(parts[s].From * width, parts[s].Count * width));
    }
}
