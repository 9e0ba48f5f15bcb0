using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of embedding and gather_rows.</summary>
public static class EmbeddingCases
{
    private const int Vocabulary = 41;

    /// <summary>Lookups by type, width and row count.</summary>
    public static IEnumerable<OpCase> Lookup()
    {
        foreach (DType type in (DType[])[DType.BF16, DType.F32])
        {
            foreach (int width in Numbers.Widths)
            {
                yield return Of(type, 7, width);
            }

            for (int rows = 1; rows <= 130; rows++)
            {
                yield return Of(type, rows, 33);
            }
        }

        static OpCase Of(DType type, int rows, int width) => new($"{type.Name()} [{rows}, {width}]", default, (set, arena) =>
        {
            Tensor table = arena.Weight(type, Numbers.Normal(1, Vocabulary * width), new Shape(Vocabulary, width));
            Tensor output = arena.Output(DType.F32, new Shape(rows, width));
            set.Embedding.Run(arena.Input(Ids(rows, Vocabulary), new Shape(rows)), table, output);
            return new Outputs().Add("output", output, exact: true);
        });
    }

    /// <summary>Gathers by width and row count.</summary>
    public static IEnumerable<OpCase> Gather()
    {
        foreach (int width in Numbers.Widths)
        {
            yield return Of(9, 7, width);
        }

        foreach (int rows in Numbers.Rows)
        {
            yield return Of(37, rows, 33);
        }

        // Devices cut rows into parts of 1,024.
        foreach (int width in (int[])[1023, 1024, 1025, 5000])
        {
            yield return Of(9, 7, width);
        }

        static OpCase Of(int total, int rows, int width) => new($"{rows} of [{total}, {width}]", default, (set, arena) =>
        {
            Tensor x = arena.Strided(Numbers.Normal(2, total * width), new Shape(total, width));
            Tensor output = arena.Output(DType.F32, new Shape(rows, width));
            set.GatherRows.Run(x, arena.Input(Ids(rows, total), new Shape(rows)), output);
            return new Outputs().Add("output", output, exact: true);
        });
    }

    // Repeats and both ends of the range are among them.
    private static int[] Ids(int count, int limit) => [.. Enumerable.Range(0, count).Select(i => ((i * 17) + limit - 1) % limit)];
}
