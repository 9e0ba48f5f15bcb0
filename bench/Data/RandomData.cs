using Lean.Tensors;

namespace Lean.Bench.Data;

/// <summary>
/// Random memory of the suite: a pool of bf16 weights and one of f32 states, both many times the last-level cache, made
/// once and shared by all benchmarks. Benchmarks cut views out of them and move on to other views with every launch, so
/// that weights come from memory as they do in a model. Fresh random bits: no two cache lines are alike, none is zero.
/// </summary>
internal static unsafe class RandomData
{
    /// <summary>Elements of the weight pool: 256 experts of Qwen3.5-35B-A3B, its largest tensors; the lm_head fits in.</summary>
    public const long WeightCount = 256L * ((1024 * 2048) + (2048 * 512));

    /// <summary>Elements of the state pool: keys and values of 64 sequences of 4096 positions.</summary>
    public const long StateCount = 64L * 4096 * 2 * 2 * 256;

    /// <summary>Free bytes below which the suite does not start.</summary>
    public const long BytesNeeded = (WeightCount * 2) + (StateCount * 4) + (1L << 30);

    // The same sign, mantissa and two low exponent bits are drawn for each element; the upper exponent bits are fixed.
    private const ulong BF16Drawn = 0x81FF_81FF_81FF_81FF, BF16Fixed = 0x3A00_3A00_3A00_3A00;
    private const ulong F32Drawn = 0x81FF_FFFF_81FF_FFFF, F32Fixed = 0x3E00_0000_3E00_0000;

    private static readonly Lazy<HostBuffer> WeightPool = new(() => Pool(WeightCount * 2, 1, BF16Drawn, BF16Fixed));
    private static readonly Lazy<HostBuffer> StatePool = new(() => Pool(StateCount * 4, 2, F32Drawn, F32Fixed));

    /// <summary>bf16 weights of magnitude 2⁻¹¹ … 2⁻⁷, either sign.</summary>
    public static HostBuffer Weights => WeightPool.Value;

    /// <summary>f32 states of magnitude ⅛ … 2, either sign.</summary>
    public static HostBuffer States => StatePool.Value;

    /// <summary>Cuts matrices [rows, columns] out of the weight pool: as many as fit, 512 at most, spread over all of it.</summary>
    public static Tensor[] Matrices(long rows, long columns)
    {
        long size = rows * columns, count = long.Min(512, WeightCount / size);
        var all = new Tensor[count];
        for (int i = 0; i < count; i++)
        {
            // Starts on a cache line, as tensors of a checkpoint written by Lean do.
            long element = i * (WeightCount / count) / 32 * 32;
            all[i] = Weights.View(DType.BF16, new Shape(rows, columns), element * 2);
        }

        return all;
    }

    /// <summary>Fills f32 memory with values of magnitude ⅛ … 2, either sign.</summary>
    public static void Fill(Tensor tensor, ulong seed) => Fill((ulong*)tensor.Address, tensor.Bytes / sizeof(ulong), seed, F32Drawn, F32Fixed);

    private static HostBuffer Pool(long bytes, ulong seed, ulong drawn, ulong kept)
    {
        const long slab = 1 << 24;
        var pool = new HostBuffer(bytes);
        Parallel.For(0, (int)((bytes + slab - 1) / slab), i =>
        {
            long first = i * slab;
            Fill((ulong*)(pool.Address + (nint)first), long.Min(slab, bytes - first) / sizeof(ulong), (seed << 32) + (ulong)i, drawn, kept);
        });
        return pool;
    }

    // SplitMix64 (Steele, Lea and Flood 2014): every word depends on its index alone.
    private static void Fill(ulong* target, long words, ulong seed, ulong drawn, ulong kept)
    {
        ulong state = seed * 0xD1B5_4A32_D192_ED03;
        for (long i = 0; i < words; i++)
        {
            state += 0x9E37_79B9_7F4A_7C15;
            ulong z = (state ^ (state >> 30)) * 0xBF58_476D_1CE4_E5B9;
            z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
            target[i] = ((z ^ (z >> 31)) & drawn) | kept;
        }
    }
}
