using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of rotary_table and prepare_attention.</summary>
public static class RotaryCases
{
    private const int Blocks = 7;

    /// <summary>Heads and widths with and without a whole vector, and rotated parts of none, some and all dimensions.</summary>
    private static readonly (AttentionShape Shape, int Rotated)[] Heads =
    [
        (new(2, 1, 8), 2), (new(3, 3, 8), 8), (new(6, 3, 16), 4), (new(5, 5, 24), 24), (new(5, 1, 32), 0), (new(4, 2, 40), 10),
        (new(3, 1, 64), 16), (new(10, 5, 16), 6), (new(2, 2, 128), 32), (new(4, 1, 256), 64), (new(1, 1, 33), 32),
        (new(0, 2, 40), 10), (new(0, 1, 256), 64),
    ];

    /// <summary>Tables by width and row count, at positions up to a million.</summary>
    public static IEnumerable<OpCase> Table()
    {
        foreach (int half in (int[])[.. Numbers.Widths, 0])
        {
            yield return Of($"R = {2 * half}", half, 9, 1);
        }

        for (int rows = 1; rows <= 130; rows++)
        {
            yield return Of($"{rows} rows", 32, rows, 1.25f);
        }

        static OpCase Of(string name, int half, int rows, float magnitude) =>
            new(name, new Tolerance(2e-7, 0), (set, arena) => TableRows(set, arena, half, magnitude, [.. Enumerable.Range(0, rows)]));
    }

    /// <summary>The table of chosen rows, whose positions the row index decides.</summary>
    public static Outputs TableRows(KernelSet set, Arena arena, int half, float magnitude, int[] rows)
    {
        int[] positions = [0, 1, 2, 63, 64, 4095, 131071, 262143, 1048575];
        float[] frequencies = [.. Enumerable.Range(0, half).Select(i => (float)Math.Pow(1e7, -(double)i / half))];
        Tensor table = arena.Output(DType.F32, new Shape(rows.Length, 2 * half));
        Tensor at = arena.Input([.. rows.Select(row => row < positions.Length ? positions[row] : row * 977)], new Shape(rows.Length));
        set.RotaryTable.Run(at, arena.Input(frequencies, new Shape(half)), magnitude, table);
        return new Outputs().Add("table", table);
    }

    /// <summary>prepare_attention by heads and row count.</summary>
    public static IEnumerable<OpCase> Prepare()
    {
        foreach ((AttentionShape shape, int rotated) in Heads)
        {
            yield return Of($"{shape}, R = {rotated}", shape, rotated, 5);
        }

        for (int rows = 1; rows <= 130; rows++)
        {
            yield return Of($"{rows} rows", new AttentionShape(2, 1, 24), 8, rows);
        }

        // A rotated pair mixes two values of up to four, each off by a few units in the last place.
        static OpCase Of(string name, AttentionShape shape, int rotated, int rows) =>
            new(name, Tolerance.Norm(shape.HeadDim).Plus(new Tolerance(1e-6, 0)), (set, arena) =>
            {
                Outputs all = Prepare(set, arena, shape, rotated, [.. Enumerable.Range(0, rows)], out Tensor keys, out Tensor values);
                return all.Add("keys", keys).Add("values", values, exact: true);
            });
    }

    /// <summary>
    /// Prepares the chosen rows of a fixed matrix of 130. The outputs hold, by row, the queries and what went into the
    /// row's place in the caches; the caches themselves show that nothing else was written.
    /// </summary>
    public static Outputs Prepare(
        KernelSet set, Arena arena, AttentionShape shape, int rotated, int[] rows, out Tensor keys, out Tensor values)
    {
        int count = rows.Length, width = shape.ProjectedWidth, kv = shape.KvHeads * shape.HeadDim;
        Tensor projected = arena.Input(Numbers.Pick(Numbers.Normal(50, 130 * width), width, rows), new Shape(count, width));
        Tensor rotary = arena.Input(Numbers.Pick(Angles(rotated), rotated, rows), new Shape(count, rotated));
        Tensor queryNorm = arena.Input(Numbers.Normal(52, shape.HeadDim, 0.2), new Shape(shape.HeadDim));
        Tensor keyNorm = arena.Input(Numbers.Normal(53, shape.HeadDim, 0.2), new Shape(shape.HeadDim));
        int[] slots = Numbers.Shuffled(54, Blocks * Grid.Cell);
        int[] mine = [.. rows.Select(row => slots[row])];
        keys = arena.Output(set.CacheType, shape.KeyCache(Blocks));
        values = arena.Output(set.CacheType, shape.ValueCache(Blocks));
        Tensor queries = arena.Output(DType.F32, new Shape(count, shape.Heads * shape.HeadDim));
        set.PrepareAttention.Run(
            shape, projected, queryNorm, keyNorm, 1e-6f, rotary, arena.Input(mine, new Shape(count)), keys, values, queries);

        (float[] k, float[] v) = (new float[count * kv], new float[count * kv]);
        for (int i = 0; i < count * kv; i++)
        {
            int slot = mine[i / kv], head = i % kv / shape.HeadDim, d = i % shape.HeadDim;
            k[i] = PagedCache.Read(keys, PagedCache.KeyIndex(shape, slot / Grid.Cell, head, d, slot % Grid.Cell));
            v[i] = PagedCache.Read(values, PagedCache.ValueIndex(shape, slot / Grid.Cell, head, d, slot % Grid.Cell));
        }

        return new Outputs().Add("queries", queries)
            .Add("row keys", arena.Weight(set.CacheType, k, new Shape(count, kv)))
            .Add("row values", arena.Weight(set.CacheType, v, new Shape(count, kv)), exact: true);
    }

    /// <summary>The same without queries: what goes into the caches, from the end of each projected row.</summary>
    public static Outputs Fill(KernelSet set, Arena arena, AttentionShape shape, int rotated, int rows)
    {
        float[] whole = Numbers.Normal(50, 130 * shape.ProjectedWidth);
        int width = shape.CachedWidth, skipped = shape.KeyColumn;
        float[] ends = [.. Enumerable.Range(0, rows * width).Select(i => whole[(i / width * shape.ProjectedWidth) + skipped + (i % width)])];
        Tensor keys = arena.Output(set.CacheType, shape.KeyCache(Blocks)), values = arena.Output(set.CacheType, shape.ValueCache(Blocks));
        Tensor projected = arena.Input(ends, new Shape(rows, width));
        set.PrepareAttention.Run(
            shape with { Heads = 0 }, projected, arena.Input(Numbers.Normal(52, shape.HeadDim, 0.2), new Shape(shape.HeadDim)),
            arena.Input(Numbers.Normal(53, shape.HeadDim, 0.2), new Shape(shape.HeadDim)), 1e-6f, arena.Input(Angles(rotated)[..(rows * rotated)], new Shape(rows, rotated)),
            arena.Input(Numbers.Shuffled(54, Blocks * Grid.Cell)[..rows], new Shape(rows)), keys, values, new Tensor(DType.F32, new Shape(rows, 0), projected.Address));
        return new Outputs().Add("keys", keys).Add("values", values);
    }

    private static float[] Angles(int rotated) =>
    [
        .. Enumerable.Range(0, 130 * rotated).Select(i => i % rotated < rotated / 2
            ? (float)Math.Cos((i / rotated) + (i % rotated))
            : (float)Math.Sin((i / rotated) + (i % rotated) - (rotated / 2))),
    ];
}
