using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of log_probabilities and top_log_probabilities, on what greedy_pick says of the same logits.</summary>
public static class LogProbabilityCases
{
    /// <summary>Every width; chosen tokens at every kind of place.</summary>
    public static IEnumerable<OpCase> Chosen()
    {
        foreach (int width in (int[])[.. Numbers.Widths, 1000])
        {
            yield return new OpCase($"[130, {width}]", default, (set, arena) => ChosenRows(set, arena, width, [.. Enumerable.Range(0, 130)])) { HoldsNaN = true };
        }
    }

    /// <summary>The chosen rows of a fixed matrix: row r's token is r, every eleventh the best, every thirteenth none.</summary>
    public static Outputs ChosenRows(KernelSet set, Arena arena, int width, int[] rows)
    {
        float[] logits = Logits(rows, width);
        (int[] best, float[] values) = Greedy(logits, width);
        int[] tokens = [.. rows.Select((r, i) => r % 13 == 12 || best[i] < 0 ? -1 : r % 11 == 10 ? best[i] : r % width)];
        Tensor y = arena.State(values, new Shape(rows.Length));
        set.LogProbabilities.Run(
            arena.Input(logits, new Shape(rows.Length, width)), arena.Input(best, new Shape(rows.Length)), arena.Input(tokens, new Shape(rows.Length)), y);
        return new Outputs().Add("values", y, exact: true);
    }

    /// <summary>Every width, K up to it or 20, ties, faults.</summary>
    public static IEnumerable<OpCase> Top()
    {
        foreach (int width in (int[])[.. Numbers.Widths, 1000, 20000])
        {
            foreach (int most in (int[])[1, 2, 5, 20])
            {
                if (most <= width)
                {
                    yield return Of(width, most);
                }
            }
        }

        // Devices cut rows into parts of 4,096 logits and list at most as many.
        foreach ((int width, int most) in ((int, int)[])[(4096, 20), (4097, 300), (8192, 4096), (8193, 4097), (4097, 4097)])
        {
            yield return Of(width, most);
        }

        static OpCase Of(int width, int most) => new(
            $"{most} of [*, {width}]", default, (set, arena) => TopRows(set, arena, width, most, [.. Enumerable.Range(0, 9)]))
        { HoldsNaN = true };
    }

    /// <summary>The chosen rows of a fixed matrix, asked for in the reverse order.</summary>
    public static Outputs TopRows(KernelSet set, Arena arena, int width, int most, int[] rows)
    {
        float[] logits = Logits(rows, width);
        (int[] best, float[] values) = Greedy(logits, width);
        int count = rows.Length;
        Tensor tokens = arena.Output(DType.I32, new Shape(count, most)), found = arena.Output(DType.F32, new Shape(count, most));
        set.TopLogProbabilities.Run(
            arena.Input(logits, new Shape(count, width)), arena.Input([.. Enumerable.Range(0, count)], new Shape(count)), arena.Input(best, new Shape(count)),
            arena.Input(values, new Shape(count)), tokens, found);
        return new Outputs().Add("tokens", tokens).Add("values", found, exact: true);
    }

    // Every third row has ties, every seventh a NaN, every eighth the ends of f32.
    private static float[] Logits(int[] rows, int width) => [.. rows.SelectMany(r =>
    {
        float[] row = Numbers.Normal(80 + r, width, 3);
        row = r % 3 == 1 ? [.. row.Select(x => MathF.Round(x))] : row;
        row[r % width] = r % 7 == 6 ? float.NaN : r % 8 == 7 ? float.MinValue : row[r % width];
        row[(r + 1) % width] = r % 8 == 7 ? float.MaxValue : row[(r + 1) % width];
        return row;
    })];

    private static unsafe (int[] Best, float[] Values) Greedy(float[] logits, int width)
    {
        int[] best = new int[logits.Length / width];
        float[] values = new float[best.Length];
        fixed (float* x = logits, y = values)
        fixed (int* b = best)
        {
            ReferenceKernels.Create().GreedyPick.Run(
                new Tensor(DType.F32, new Shape(best.Length, width), (nint)x), new Tensor(DType.I32, new Shape(best.Length), (nint)b), new Tensor(DType.F32, new Shape(best.Length), (nint)y));
        }

        return (best, values);
    }
}
