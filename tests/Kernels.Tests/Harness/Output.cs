namespace Lean.Kernels.Tests;

/// <summary>A tensor that an op has written, copied out of its arena.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Bits">The raw elements.</param>
/// <param name="Width">Elements of a row.</param>
/// <param name="IsFloat">Whether the bits are f32; bf16 is widened.</param>
/// <param name="IsExact">Whether every implementation must give the same bits: copies, indices, single additions.</param>
/// <param name="Rounding">What the elements' type may add, relatively, where two implementations round a number to different sides.</param>
public sealed record Output(string Name, int[] Bits, int Width, bool IsFloat, bool IsExact, double Rounding = 0)
{
    /// <summary>The values, where they are f32.</summary>
    public float[] Values => [.. Bits.Select(BitConverter.Int32BitsToSingle)];

    /// <summary>The bits of one row.</summary>
    public ReadOnlySpan<int> Row(int row) => Bits.AsSpan(row * Width, Width);
}
