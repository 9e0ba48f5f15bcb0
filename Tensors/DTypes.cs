namespace Lean.Tensors;

/// <summary>Facts about each <see cref="DType"/>.</summary>
public static class DTypes
{
    /// <summary>Bytes of one stored element; for <see cref="DType.PackedI4"/>, of one word of eight values.</summary>
    public static int Size(this DType type) => type switch
    {
        DType.F32 or DType.I32 or DType.PackedI4 => 4,
        DType.F16 or DType.BF16 => 2,
        DType.F8E4M3 or DType.I8 => 1,
        DType.I64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a DType"),
    };

    /// <summary>The short name used in messages and documents: f32, bf16, f8e4m3, …</summary>
    public static string Name(this DType type) => type switch
    {
        DType.F32 => "f32",
        DType.F16 => "f16",
        DType.BF16 => "bf16",
        DType.F8E4M3 => "f8e4m3",
        DType.I8 => "i8",
        DType.I32 => "i32",
        DType.I64 => "i64",
        DType.PackedI4 => "packed int4",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a DType"),
    };

    /// <summary>Widens a bf16 to the f32 of the same value.</summary>
    public static float BF16ToF32(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>Rounds an f32 to the nearest bf16, ties to even; NaN stays NaN.</summary>
    public static ushort F32ToBF16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
        {
            return (ushort)((bits >> 16) | 0x40);
        }

        return (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
}
