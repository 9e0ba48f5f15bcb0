using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of attention and of what surrounds it and the delta rule: rows, norms, positions, convolution.</summary>
internal static class AttentionSelfCases
{
    private const float Epsilon = 1e-6f;
    private const double F32 = 1e-5;

    // Values of order one, of which the cache keeps bf16 on both sides of the comparison.
    private const double Cached = 2e-3;

    private const int Rows = 203, Slots = 4, Blocks = 12, Width = 9;

    private static readonly AttentionShape[] Heads = [new(2, 1, 8), new(6, 2, 33), new(8, 2, 64), new(12, 1, 128), new(8, 1, 256), new(18, 1, 40)];

    // First row, rows, position, slot: out of order, with rows and slots between them that belong to nobody.
    private static readonly int[][] Ragged = [[70, 1, 470, 2], [1, 67, 64, 0], [72, 130, 0, 3]];

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() =>
    [
        new("gather_rows", "[203, 67]", 0, Gather),
        .. ((int[])[1, 33, 128, 256]).Select(dim => new SelfCase("gated_rms_norm", $"3 heads of {dim}", F32, (set, memory) => GatedNorm(dim, set, memory))),
        .. ((int[])[1, 17, 32]).Select(half => new SelfCase("rotary_table", $"R = {2 * half}", F32, (set, memory) => Rotary(half, set, memory))),
        .. Heads.Append(new AttentionShape(0, 2, 64)).Select(shape => new SelfCase("prepare_attention", $"{shape}", Cached, (set, memory) => Prepare(shape, set, memory))),
        .. Heads.Select(shape => new SelfCase("paged_attention", $"{shape}", F32, (set, memory) => Attend(shape, set, memory))),
        .. ((int[])[2, 4, 8]).Select(taps => new SelfCase("causal_convolution", $"{taps} taps", F32, (set, memory) => Convolve(taps, set, memory))),
    ];

    private static Tensor[] Gather(KernelSet set, GuardedMemory memory)
    {
        Tensor output = memory.New("output", DType.F32, new Shape(41, 67));
        Tensor rows = memory.New("rows", new Shape(41), [.. Enumerable.Range(0, 41).Select(i => i * 17 % Rows)]);
        set.GatherRows.Run(Input(memory, "x", 20, Rows, 67), rows, output);
        return [output];
    }

    private static Tensor[] GatedNorm(int dim, KernelSet set, GuardedMemory memory)
    {
        Tensor output = memory.New("output", DType.F32, new Shape(5, 3 * dim));
        set.GatedRmsNorm.Run(Input(memory, "x", 21, 5, 3 * dim), Input(memory, "z", 22, 5, 3 * dim), Input(memory, "weight", 23, dim), Epsilon, output);
        return [output];
    }

    private static Tensor[] Rotary(int half, KernelSet set, GuardedMemory memory)
    {
        int[] positions = [0, 1, 63, 4095, 131071, 262143, 1048575];
        Tensor table = memory.New("table", DType.F32, new Shape(positions.Length, 2 * half));
        float[] frequencies = [.. Enumerable.Range(0, half).Select(i => MathF.Pow(1e7f, -(float)i / half))];
        set.RotaryTable.Run(
            memory.New("positions", new Shape(positions.Length), positions), memory.New("frequencies", DType.F32, new Shape(half), frequencies), 1.25f, table);
        return [table];
    }

    private static Tensor[] Prepare(AttentionShape shape, KernelSet set, GuardedMemory memory)
    {
        const int rows = 7;
        int rotated = shape.HeadDim / 4 * 2;
        int[] slots = [.. Enumerable.Range(0, rows).Select(i => i * 61 % (2 * Grid.Cell))];

        // Zeros, since most of a cache is not written.
        Tensor keys = Zeros(memory, "keys", set.CacheType, shape.KeyCache(2)), values = Zeros(memory, "values", set.CacheType, shape.ValueCache(2));
        Tensor queries = memory.New("queries", DType.F32, new Shape(rows, shape.Heads * shape.HeadDim));
        set.PrepareAttention.Run(
            shape, Input(memory, "projected", 24, rows, shape.ProjectedWidth), Input(memory, "queryNorm", 25, shape.HeadDim), Input(memory, "keyNorm", 26, shape.HeadDim),
            Epsilon, Input(memory, "rotary", 27, rows, rotated), memory.New("slots", new Shape(rows), slots), keys, values, queries);
        return shape.Heads == 0 ? [keys, values] : [queries, keys, values];
    }

    private static Tensor[] Attend(AttentionShape shape, KernelSet set, GuardedMemory memory)
    {
        Shape keyCache = shape.KeyCache(Blocks), valueCache = shape.ValueCache(Blocks);
        Tensor queries = Input(memory, "queries", 28, Rows, shape.Heads * shape.HeadDim), projected = Input(memory, "projected", 29, Rows, shape.ProjectedWidth);
        Tensor keys = memory.New("keys", set.CacheType, keyCache, SelfCases.Normal(30, keyCache.Count));
        Tensor values = memory.New("values", set.CacheType, valueCache, SelfCases.Normal(31, valueCache.Count));
        Tensor blocks = memory.New("blocks", new Shape(Ragged.Length, Width), [.. Enumerable.Range(0, Ragged.Length * Width).Select(i => i * 5 % Blocks)]);
        Tensor output = memory.New("output", DType.F32, new Shape(Rows, shape.Heads * shape.HeadDim));
        set.PagedAttention.Run(shape, queries, projected, keys, values, Segmented(memory), blocks, output, promptRows: 0);
        return [output];
    }

    private static Tensor[] Convolve(int taps, KernelSet set, GuardedMemory memory)
    {
        const int channels = 150;
        Shape states = new(Slots, taps - 1, channels);
        Tensor history = memory.New("history", DType.F32, states, SelfCases.Normal(32, states.Count));
        Tensor output = memory.New("output", DType.F32, new Shape(Rows, channels));
        set.CausalConvolution.Run(Input(memory, "x", 33, Rows, channels), Input(memory, "weight", 34, channels, taps), history, Segmented(memory), output);
        return [output, history];
    }

    private static Tensor Segmented(GuardedMemory memory) => memory.New("segments", new Shape(Ragged.Length, Segments.Columns), [.. Ragged.SelectMany(s => s)]);

    private static Tensor Zeros(GuardedMemory memory, string name, DType type, Shape shape) => memory.New(name, type, shape, new float[shape.Count]);

    private static Tensor Input(GuardedMemory memory, string name, int seed, params long[] extents)
    {
        var shape = Shape.Of(extents);
        return memory.New(name, DType.F32, shape, SelfCases.Normal(seed, shape.Count));
    }
}
