using Lean.Kernels.Device;

namespace Lean.Kernels.Tests;

/// <summary>What a thread makes of its registers alone: found once for each instruction, run for every thread.</summary>
internal static class PtxArithmetic
{
    /// <summary>An instruction's result, of which <see cref="Mask"/> tells the bits it has.</summary>
    public static Func<ulong, ulong, ulong, ulong> Of(PtxInstruction instruction) => Of(instruction.Words) ?? ((_, _, _) => throw PtxMachine.Fault(instruction, "the model has no such instruction"));

    /// <summary>The bits of a result that are the register's.</summary>
    public static ulong Mask(string[] words) =>
        words[0] is "cvt" or "mov" or "cvta" || words[^1] is "b64" or "s64" or "u64" or "pred" || (words.Length > 1 && words[1] == "wide") ? ulong.MaxValue : uint.MaxValue;

    private static Func<ulong, ulong, ulong, ulong>? Of(string[] words) => words[0] switch
    {
        "mov" or "cvta" => static (a, _, _) => a,
        "mapa" => static (a, b, _) => PtxCluster.Address(a, b),
        "add" when words[^1] == "f32" => static (a, b, _) => Bits(Float(a) + Float(b)),
        "sub" when words[^1] == "f32" => static (a, b, _) => Bits(Float(a) - Float(b)),
        "mul" when words[^1] == "f32" => static (a, b, _) => Bits(Float(a) * Float(b)),
        "div" when words[^1] == "f32" => static (a, b, _) => Bits(Float(a) / Float(b)),
        "fma" => static (a, b, c) => Bits(MathF.FusedMultiplyAdd(Float(a), Float(b), Float(c))),
        "rcp" => static (a, _, _) => Bits(1 / Float(a)),
        "rsqrt" => static (a, _, _) => Bits(1 / MathF.Sqrt(Float(a))),
        "ex2" => static (a, _, _) => Bits(MathF.Pow(2, Float(a))),
        "lg2" => static (a, _, _) => Bits(MathF.Log2(Float(a))),
        "neg" when words[^1] == "f32" => static (a, _, _) => a ^ 0x80000000,
        "abs" when words[^1] == "f32" => static (a, _, _) => a & 0x7fffffff,
        "neg" => static (a, _, _) => 0 - a,
        "add" => static (a, b, _) => a + b,
        "sub" => static (a, b, _) => a - b,
        "mul" when words is [_, "wide", "s32"] => static (a, b, _) => (ulong)((long)(int)a * (int)b),
        "mul" => static (a, b, _) => a * b,
        "mad" => static (a, b, c) => (a * b) + c,
        "div" when words[1] == "s32" => static (a, b, _) => (ulong)((int)a / (int)b),
        "rem" when words[1] == "s32" => static (a, b, _) => (ulong)((int)a % (int)b),
        "min" when words[1] == "s32" => static (a, b, _) => (ulong)int.Min((int)a, (int)b),
        "min" when words[1] == "u32" => static (a, b, _) => uint.Min((uint)a, (uint)b),
        "max" when words[1] == "u32" => static (a, b, _) => uint.Max((uint)a, (uint)b),
        "max" when words[1] == "NaN" => static (a, b, _) => Bits(MathF.Max(Float(a), Float(b))),
        "min" when words[1] == "NaN" => static (a, b, _) => Bits(MathF.Min(Float(a), Float(b))),
        "max" when words[1] == "f32" => static (a, b, _) => Bits(float.MaxNumber(Float(a), Float(b))),
        "max" when words[1] == "s32" => static (a, b, _) => (ulong)int.Max((int)a, (int)b),
        "and" => static (a, b, _) => a & b,
        "or" => static (a, b, _) => a | b,
        "xor" => static (a, b, _) => a ^ b,
        "shl" => static (a, b, _) => a << (int)b,
        "shr" when words[1] == "s32" => static (a, b, _) => (ulong)((int)a >> (int)b),
        "shr" when words[1] == "s64" => static (a, b, _) => (ulong)((long)a >> (int)b),
        "shr" when words[1] == "u64" => static (a, b, _) => a >> (int)b,
        "shr" when words[1] == "u32" => static (a, b, _) => (uint)a >> (int)b,
        "popc" => static (a, _, _) => (ulong)System.Numerics.BitOperations.PopCount((uint)a),
        "selp" => static (a, b, c) => c != 0 ? a : b,
        "testp" when words[1] == "notanumber" => static (a, _, _) => Bit(float.IsNaN(Float(a))),
        "cvt" when words is [_, "rzi", "s32", "f32"] => static (a, _, _) => (uint)(int)Float(a),
        "cvt" when words is [_, "rn", "f32", "s32"] => static (a, _, _) => Bits((int)a),
        "cvt" when words is [_, "s32", "s64"] or [_, "u32", "u64"] => static (a, _, _) => (uint)a,
        "cvt" when words is [_, "s64", "s32"] => static (a, _, _) => (ulong)(int)a,
        "cvt" when words is [_, "u64", "u32"] => static (a, _, _) => (uint)a,
        "cvt" when words is [_, "s32" or "u32", "u16"] or [_, "u16", "u32"] => static (a, _, _) => (ushort)a,
        "cvt" when words is [_, "rn", "bf16x2", "f32"] => static (a, b, _) => BF16.PackPortable(Float(b), Float(a)),
        // Changes nothing that is copied.
        "createpolicy" => static (_, _, _) => 0,
        "not" when words[1] == "pred" => static (a, _, _) => Bit(a == 0),
        "not" => static (a, _, _) => ~a,
        "setp" when words[2] == "f32" => Floats(words[1]),
        "setp" when words[2] is "s64" or "u64" => Longs(words[1]),
        "setp" when words[2] == "s32" => Signed(words[1]),
        "setp" => Unsigned(words[1]),
        _ => null,
    };

    private static Func<ulong, ulong, ulong, ulong>? Longs(string relation) => relation switch
    {
        "eq" => static (a, b, _) => Bit(a == b),
        "ne" => static (a, b, _) => Bit(a != b),
        "lt" => static (a, b, _) => Bit((long)a < (long)b),
        "le" => static (a, b, _) => Bit((long)a <= (long)b),
        "gt" => static (a, b, _) => Bit((long)a > (long)b),
        "ge" => static (a, b, _) => Bit((long)a >= (long)b),
        _ => null,
    };

    // Relations that end in u hold for NaN.
    private static Func<ulong, ulong, ulong, ulong>? Floats(string relation) => relation switch
    {
        "lt" => static (a, b, _) => Bit(Float(a) < Float(b)),
        "le" => static (a, b, _) => Bit(Float(a) <= Float(b)),
        "gt" => static (a, b, _) => Bit(Float(a) > Float(b)),
        "ge" => static (a, b, _) => Bit(Float(a) >= Float(b)),
        "eq" => static (a, b, _) => Bit(Float(a) == Float(b)),
        "neu" => static (a, b, _) => Bit(Float(a) != Float(b)),
        "ltu" => static (a, b, _) => Bit(!(Float(a) >= Float(b))),
        "leu" => static (a, b, _) => Bit(!(Float(a) > Float(b))),
        "gtu" => static (a, b, _) => Bit(!(Float(a) <= Float(b))),
        "geu" => static (a, b, _) => Bit(!(Float(a) < Float(b))),
        _ => null,
    };

    private static Func<ulong, ulong, ulong, ulong>? Signed(string relation) => relation switch
    {
        "eq" => static (a, b, _) => Bit((uint)a == (uint)b),
        "ne" => static (a, b, _) => Bit((uint)a != (uint)b),
        "lt" => static (a, b, _) => Bit((int)a < (int)b),
        "le" => static (a, b, _) => Bit((int)a <= (int)b),
        "gt" => static (a, b, _) => Bit((int)a > (int)b),
        "ge" => static (a, b, _) => Bit((int)a >= (int)b),
        _ => null,
    };

    private static Func<ulong, ulong, ulong, ulong>? Unsigned(string relation) => relation switch
    {
        "eq" => static (a, b, _) => Bit((uint)a == (uint)b),
        "ne" => static (a, b, _) => Bit((uint)a != (uint)b),
        "lt" or "lo" => static (a, b, _) => Bit((uint)a < (uint)b),
        "le" or "ls" => static (a, b, _) => Bit((uint)a <= (uint)b),
        "gt" or "hi" => static (a, b, _) => Bit((uint)a > (uint)b),
        "ge" or "hs" => static (a, b, _) => Bit((uint)a >= (uint)b),
        _ => null,
    };

    private static ulong Bit(bool holds) => holds ? 1ul : 0;

    private static ulong Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    private static float Float(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);
}
