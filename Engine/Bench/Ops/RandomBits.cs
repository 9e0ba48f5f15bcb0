using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// Random memory, the same in every run: no two cache lines are alike and none is zero. The sign, two low bits of the
/// exponent and the mantissa are drawn, the upper exponent bits are fixed, so whatever reads the memory meets numbers of
/// one order.
/// </summary>
/// <param name="Drawn">The bits of a word that are drawn.</param>
/// <param name="Kept">The bits that are set in every word.</param>
internal readonly record struct RandomBits(ulong Drawn, ulong Kept)
{
    private const int Slab = 4 << 20;
    private const long Staged = 256 << 20;

    /// <summary>Read as bf16 or as f32, values of magnitude 2⁻⁷ … 2⁻³, either sign.</summary>
    public static RandomBits Weights { get; } = new(0x81FF_81FF_81FF_81FF, 0x3C00_3C00_3C00_3C00);

    /// <summary>Read as f32, values of magnitude ⅛ … 2, either sign.</summary>
    public static RandomBits Activations { get; } = new(0x81FF_FFFF_81FF_FFFF, 0x3E00_0000_3E00_0000);

    /// <summary>Fills memory of the host or of a device.</summary>
    /// <param name="queue">Copies to the memory.</param>
    /// <param name="onHost">Whether the memory is the host's own.</param>
    /// <param name="target">i8 [n].</param>
    /// <param name="seed">Other seeds give other bits.</param>
    public void Fill(IStream queue, bool onHost, Tensor target, ulong seed)
    {
        if (onHost)
        {
            Fill(target, 0, seed);
            return;
        }

        using var stage = new HostBuffer(long.Min(Staged, target.Bytes));
        for (long first = 0; first < target.Bytes; first += Staged)
        {
            Tensor part = stage.View(DType.I8, new Shape(long.Min(Staged, target.Bytes - first)));
            Fill(part, first, seed);
            queue.CopyToDevice(part, target.Rows(first, part.Bytes));
            queue.Synchronize();
        }
    }

    // Every word depends on its place alone: SplitMix64 (Steele, Lea and Flood 2014), begun anew in every slab.
    private unsafe void Fill(Tensor target, long place, ulong seed)
    {
        (ulong drawn, ulong kept) = this;
        nint start = target.Address;
        long bytes = target.Bytes;
        Parallel.For(0, (int)((bytes + Slab - 1) / Slab), i =>
        {
            long first = (long)i * Slab, count = long.Min(Slab, bytes - first) / sizeof(ulong);
            ulong* words = (ulong*)(start + (nint)first);
            ulong state = ((seed << 40) + (ulong)((place + first) / Slab)) * 0xD1B5_4A32_D192_ED03;
            for (long word = 0; word < count; word++)
            {
                state += 0x9E37_79B9_7F4A_7C15;
                ulong z = (state ^ (state >> 30)) * 0xBF58_476D_1CE4_E5B9;
                z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
                words[word] = ((z ^ (z >> 31)) & drawn) | kept;
            }
        });
    }
}
