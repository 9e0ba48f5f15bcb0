using ILGPU;
using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>bf16, the upper half of an f32. No target has it as a type: it travels as ushort, or two in a uint.</summary>
public static class BF16
{
    /// <summary>Widens.</summary>
    public static float ToFloat(ushort bits) => Interop.IntAsFloat((uint)bits << 16);

    /// <summary>Widens the lower of two.</summary>
    public static float Low(uint pair) => Interop.IntAsFloat(pair << 16);

    /// <summary>Widens the upper of two.</summary>
    public static float High(uint pair) => Interop.IntAsFloat(pair & 0xffff0000u);

    /// <summary>Rounds to the nearest, ties to even; NaN stays NaN.</summary>
    public static ushort FromFloat(float value) => (ushort)(Pack(value, 0) & 0xffffu);

    /// <summary>Rounds to bf16 and widens again: the value a matrix product on the device sees.</summary>
    public static float Round(float value) => Low(Pack(value, 0));

    /// <summary>Rounds two numbers, the first into the lower half.</summary>
    [IntrinsicImplementation]
    [Ptx("cvt.rn.bf16x2.f32 $0, #1, #0;")]
    [Portable(nameof(PackPortable))]
    public static uint Pack(float low, float high) => PackPortable(low, high);

    /// <summary>What <see cref="Pack"/> means.</summary>
    public static uint PackPortable(float low, float high) => (RoundBits(low) >> 16) | (RoundBits(high) & 0xffff0000u);

    private static uint RoundBits(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
        return (bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : rounded;
    }
}
