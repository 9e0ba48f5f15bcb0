using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The self-test's calls of what surrounds a prompt's products, with tensors that begin where a model's do and in the
/// models' head sizes: newer NVIDIA cards have kernels of their own for those.
/// </summary>
internal static class PromptSelfCases
{
    private const float Epsilon = 1e-6f;
    private const double F32 = 1e-5;

    // Values of order one, of which the cache keeps bf16 on both sides of the comparison.
    private const double Cached = 2e-3;

    private const int Rows = 203, Slots = 6;

    // First row, rows, position, slot: out of order, with rows and slots between them that belong to nobody; runs shorter than the history, and one
    // whose first rows lie on both sides of a multiple of 16.
    private static readonly int[][] Ragged = [[70, 1, 470, 2], [1, 67, 64, 0], [79, 123, 0, 3], [68, 2, 0, 4], [72, 2, 9, 5]];

    // Eights of rows whose slots are neighbours: a whole one, one across two, one with a gap, and a shorter one.
    private static readonly int[] Runs =
        [.. Enumerable.Range(64, 8), .. Enumerable.Range(20, 8), .. Enumerable.Range(40, 4), .. Enumerable.Range(50, 4), .. Enumerable.Range(8, 5)];

    private static readonly AttentionShape Heads = new(6, 2, 256);

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() =>
    [
        new("gated_rms_norm_aligned", "3 heads of 128", F32, GatedNorm, IsAligned: true),
        new("prepare_attention_aligned", $"{Heads}", Cached, (set, memory) => Prepare(Heads, [.. Enumerable.Range(0, 7).Select(i => i * 61 % (2 * Grid.Cell))], set, memory), IsAligned: true),
        new("prepare_attention_aligned", $"{Heads}, runs of slots", Cached, (set, memory) => Prepare(Heads, Runs, set, memory), IsAligned: true),
        new("prepare_attention_aligned", $"{Heads}, without queries", Cached, (set, memory) => Prepare(Heads with { Heads = 0 }, Runs, set, memory), IsAligned: true),
        .. ((int[])[4, 152, 1024]).Select(channels => new SelfCase(
            "causal_convolution_aligned", $"4 taps, {channels} channels", F32, (set, memory) => Convolve(channels, set, memory), IsAligned: true)),
    ];

    private static Tensor[] GatedNorm(KernelSet set, GuardedMemory memory)
    {
        const int Dim = 128;
        Tensor output = memory.New("output", DType.F32, new Shape(5, 3 * Dim)), z = Input(memory, "z", 42, 5, 4 * Dim);
        set.GatedRmsNorm.Run(Input(memory, "x", 41, 5, 3 * Dim), z.Columns(Dim, 3 * Dim), Input(memory, "weight", 43, Dim), Epsilon, output);
        return [output];
    }

    private static Tensor[] Prepare(AttentionShape shape, int[] slots, KernelSet set, GuardedMemory memory)
    {
        const int Rotated = 64;
        Shape keyCache = shape.KeyCache(2), valueCache = shape.ValueCache(2);

        // Zeros, since most of a cache is not written.
        Tensor keys = memory.New("keys", set.CacheType, keyCache, new float[keyCache.Count]), values = memory.New("values", set.CacheType, valueCache, new float[valueCache.Count]);
        Tensor queries = memory.New("queries", DType.F32, new Shape(slots.Length, shape.Heads * shape.HeadDim));
        set.PrepareAttention.Run(
            shape, Input(memory, "projected", 44, slots.Length, shape.ProjectedWidth), Input(memory, "queryNorm", 45, shape.HeadDim), Input(memory, "keyNorm", 46, shape.HeadDim),
            Epsilon, Input(memory, "rotary", 47, slots.Length, Rotated), memory.New("slots", new Shape(slots.Length), slots), keys, values, queries);
        return shape.Heads == 0 ? [keys, values] : [queries, keys, values];
    }

    private static Tensor[] Convolve(int channels, KernelSet set, GuardedMemory memory)
    {
        const int Taps = 4;
        Shape states = new(Slots, Taps - 1, channels);
        Tensor history = memory.New("history", DType.F32, states, SelfCases.Normal(48, states.Count));
        Tensor segments = memory.New("segments", new Shape(Ragged.Length, Segments.Columns), [.. Ragged.SelectMany(s => s)]);
        Tensor output = memory.New("output", DType.F32, new Shape(Rows, channels));
        set.CausalConvolution.Run(Input(memory, "x", 49, Rows, channels + 4).Columns(4, channels), Input(memory, "weight", 50, channels, Taps), history, segments, output);
        return [output, history];
    }

    private static Tensor Input(GuardedMemory memory, string name, int seed, params long[] extents)
    {
        var shape = Shape.Of(extents);
        return memory.New(name, DType.F32, shape, SelfCases.Normal(seed, shape.Count));
    }
}
