using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of linear.</summary>
public static class LinearCases
{
    /// <summary>Every width and row count, in whole, separate and interleaved weights.</summary>
    public static IEnumerable<OpCase> All()
    {
        foreach (DType type in Weights.Types)
        {
            foreach (int width in Numbers.Widths)
            {
                yield return Of($"{type.Name()} [5, {width}] to 33", type, 5, width, 33);
                yield return Of($"{type.Name()} [3, 64] to {width}", type, 3, 64, width);
                yield return Of($"{type.Name()} [2, {width}] to 47, interleaved", type, 2, width, 47, WeightLayout.Interleaved);
            }

            for (int rows = 1; rows <= 130; rows++)
            {
                yield return Of($"{type.Name()} [{rows}, 33] to 19", type, rows, 33, 19, promptRows: rows % 3 * rows / 2);
            }

            // Rows of whole vectors, of which a tile takes eight or four: short ones and long ones.
            for (int rows = 1; rows <= 5; rows++)
            {
                yield return Of($"{type.Name()} [{rows}, 144] to 45", type, rows, 144, 45);
                yield return Of($"{type.Name()} [{rows}, 1040] to 13", type, rows, 1040, 13);
            }

            foreach (int rows in Numbers.Rows)
            {
                yield return Of($"{type.Name()} [{rows}, 100] to 82, apart", type, rows, 100, 82, WeightLayout.Apart);
                yield return Of($"{type.Name()} [{rows}, 40] to 31, interleaved", type, rows, 40, 31, WeightLayout.Interleaved);
                yield return Of($"{type.Name()} [{rows}, 64] to 48, contiguous rows", type, rows, 64, 48, gap: 0, promptRows: rows);
            }

            yield return Of($"{type.Name()} [3, 2048] to 70", type, 3, 2048, 70);
            yield return Of($"{type.Name()} [70, 1000] to 50", type, 70, 1000, 50);
            yield return Of($"{type.Name()} [70, 1000] to 50, of prompts", type, 70, 1000, 50, promptRows: 70);
        }

        static OpCase Of(string name, DType type, int rows, int inputs, int outputs, WeightLayout layout = WeightLayout.Whole, int gap = 5, int promptRows = 0) =>
            new(name, Tolerance.Sum(inputs), (set, arena) => Rows(set, arena, type, inputs, outputs, [.. Enumerable.Range(0, rows)], layout, gap, promptRows))
            {
            };
    }

    /// <summary>Products of the chosen rows of a fixed matrix of 130.</summary>
    public static Outputs Rows(
        KernelSet set, Arena arena, DType type, int inputs, int outputs, int[] rows, WeightLayout layout = WeightLayout.Whole, int gap = 5, int promptRows = 0,
        (int First, int Count)? some = null)
    {
        LinearWeight weight = layout switch
        {
            WeightLayout.Apart => Weights.Apart(arena, type, 10, inputs, outputs - 42, 1, 8, 33),
            WeightLayout.Interleaved => Weights.Interleaved(arena, type, 10, outputs, inputs),
            _ => Weights.Whole(arena, type, 10, outputs, inputs),
        };
        Tensor x = arena.Strided(Numbers.Pick(Numbers.Normal(11, 130 * inputs), inputs, rows), new Shape(rows.Length, inputs), gap);
        LinearWeight part = some is { } s ? weight.Some(s.First, s.Count) : weight;
        Assert.True(set.Linear.SumsAlike(weight, part));
        Tensor output = arena.Output(DType.F32, new Shape(rows.Length, (int)part.Outputs));
        set.Linear.Run(x, part, output, promptRows);
        return new Outputs().Add("output", output);
    }

    /// <summary>How a weight lies in memory.</summary>
    public enum WeightLayout
    {
        /// <summary>One matrix.</summary>
        Whole,

        /// <summary>Several matrices.</summary>
        Apart,

        /// <summary>Pieces of one to three rows, not in order.</summary>
        Interleaved,
    }
}
