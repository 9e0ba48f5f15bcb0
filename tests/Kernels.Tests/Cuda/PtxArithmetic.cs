using System.Runtime.InteropServices;
using Lean.Kernels.Device;

namespace Lean.Kernels.Tests;

/// <summary>What a thread does alone.</summary>
internal static class PtxArithmetic
{
    /// <summary>Runs an instruction.</summary>
    /// <param name="instruction">Which.</param>
    /// <param name="thread">Whose.</param>
    /// <param name="group">The thread's group: its memory, and what names stand for.</param>
    public static void Run(PtxInstruction instruction, PtxThread thread, PtxGroup group)
    {
        PtxOperand[] o = instruction.Operands;
        string[] words = instruction.Words;
        switch (words[0])
        {
            case "ld" when words[1] == "param":
                ReadOnlySpan<byte> parameter = group.Parameter(o[1].Parts[0]);
                thread.Registers[o[0].Register] = words[^1] == "b64" ? MemoryMarshal.Read<ulong>(parameter) : MemoryMarshal.Read<uint>(parameter);
                return;
            case "ld":
                PtxOperand[] loaded = o[0].Parts.Length > 0 ? o[0].Parts : [o[0]];
                int size = words[^1] == "b64" ? 8 : 4;
                ReadOnlySpan<byte> source = group.Memory(Space(words), group.Value(thread, o[1]), loaded.Length * size);
                for (int i = 0; i < loaded.Length; i++)
                {
                    ReadOnlySpan<byte> word = source[(i * size)..];
                    thread.Registers[loaded[i].Register] = size == 8 ? MemoryMarshal.Read<ulong>(word) : MemoryMarshal.Read<uint>(word);
                }

                return;
            case "createpolicy":
                // Changes nothing that is copied.
                thread.Registers[o[0].Register] = 0;
                return;
            case "mov" when o[0].Parts.Length == 2:
                ulong both = group.Value(thread, o[1]);
                (thread.Registers[o[0].Parts[0].Register], thread.Registers[o[0].Parts[1].Register]) = ((uint)both, both >> 32);
                return;
            case "mov" when o[1].Parts.Length == 2:
                thread.Registers[o[0].Register] = (uint)group.Value(thread, o[1].Parts[0]) | (group.Value(thread, o[1].Parts[1]) << 32);
                return;
            case "st" when words[1] == "shared::cluster":
                group.Cluster.Send(group.Value(thread, o[0]), (uint)group.Value(thread, o[1]), instruction);
                return;
            case "st" when words[1] == "async":
                group.Cluster.Send(group.Value(thread, o[0]), (uint)group.Value(thread, o[1]), group.Value(thread, o[2]), instruction);
                return;
            case "st" when words[^1] == "b64":
                PtxOperand[] wide = o[1].Parts.Length > 0 ? o[1].Parts : [o[1]];
                for (int i = 0; i < wide.Length; i++)
                {
                    ulong place = group.Value(thread, o[0]) + ((ulong)i * 8), word = group.Value(thread, wide[i]);
                    if (instruction.IsSystem)
                    {
                        group.Send(place, word);
                    }
                    else
                    {
                        MemoryMarshal.Write(group.Memory(Space(words), place, 8), word);
                    }
                }

                return;
            case "st":
                PtxOperand[] values = o[1].Parts.Length > 0 ? o[1].Parts : [o[1]];
                if (words[^1] is "b16" or "u16")
                {
                    MemoryMarshal.Write(group.Memory(Space(words), group.Value(thread, o[0]), 2), (ushort)group.Value(thread, o[1]));
                    return;
                }

                if (words[^1] is "u8")
                {
                    group.Memory(Space(words), group.Value(thread, o[0]), 1)[0] = (byte)group.Value(thread, o[1]);
                    return;
                }

                Span<byte> target = group.Memory(Space(words), group.Value(thread, o[0]), values.Length * 4);
                for (int i = 0; i < values.Length; i++)
                {
                    MemoryMarshal.Write(target[(i * 4)..], (uint)group.Value(thread, values[i]));
                }

                return;
            default:
                thread.Registers[o[0].Register] = Result(instruction, words, o.Length > 1 ? group.Value(thread, o[1]) : 0, o.Length > 2 ? group.Value(thread, o[2]) : 0, o.Length > 3 ? group.Value(thread, o[3]) : 0);
                return;
        }
    }

    // What stands before it, volatile or relaxed.sys, orders memory among devices, which one thread at a time is.
    private static string Space(string[] words) => Array.Find(words, static w => w is "global" or "shared") ?? words[1];

    private static ulong Result(PtxInstruction instruction, string[] words, ulong a, ulong b, ulong c)
    {
        bool wide = words[^1] is "b64" or "s64" or "u64" or "pred" || words[1] == "wide";
        ulong result = words[0] switch
        {
            "mov" or "cvta" => a,
            "mapa" => PtxCluster.Address(a, b),
            "add" when words[^1] == "f32" => Bits(Float(a) + Float(b)),
            "sub" when words[^1] == "f32" => Bits(Float(a) - Float(b)),
            "mul" when words[^1] == "f32" => Bits(Float(a) * Float(b)),
            "div" when words[^1] == "f32" => Bits(Float(a) / Float(b)),
            "fma" => Bits(MathF.FusedMultiplyAdd(Float(a), Float(b), Float(c))),
            "rcp" => Bits(1 / Float(a)),
            "rsqrt" => Bits(1 / MathF.Sqrt(Float(a))),
            "ex2" => Bits(MathF.Pow(2, Float(a))),
            "lg2" => Bits(MathF.Log2(Float(a))),
            "neg" when words[^1] == "f32" => a ^ 0x80000000,
            "abs" when words[^1] == "f32" => a & 0x7fffffff,
            "neg" => 0 - a,
            "add" => a + b,
            "sub" => a - b,
            "mul" when words is [_, "wide", "s32"] => (ulong)((long)(int)a * (int)b),
            "mul" => a * b,
            "mad" => (a * b) + c,
            "div" when words[1] == "s32" => (ulong)((int)a / (int)b),
            "rem" when words[1] == "s32" => (ulong)((int)a % (int)b),
            "min" when words[1] == "s32" => (ulong)int.Min((int)a, (int)b),
            "min" when words[1] == "u32" => uint.Min((uint)a, (uint)b),
            "max" when words[1] == "u32" => uint.Max((uint)a, (uint)b),
            "max" when words[1] == "NaN" => Bits(MathF.Max(Float(a), Float(b))),
            "min" when words[1] == "NaN" => Bits(MathF.Min(Float(a), Float(b))),
            "max" when words[1] == "f32" => Bits(float.MaxNumber(Float(a), Float(b))),
            "max" when words[1] == "s32" => (ulong)int.Max((int)a, (int)b),
            "and" => a & b,
            "or" => a | b,
            "xor" => a ^ b,
            "shl" => a << (int)b,
            "shr" when words[1] == "s32" => (ulong)((int)a >> (int)b),
            "shr" when words[1] == "s64" => (ulong)((long)a >> (int)b),
            "shr" when words[1] == "u64" => a >> (int)b,
            "shr" when words[1] == "u32" => (uint)a >> (int)b,
            "popc" => (ulong)System.Numerics.BitOperations.PopCount((uint)a),
            "selp" => c != 0 ? a : b,
            "not" => words[1] == "pred" ? (a == 0 ? 1ul : 0) : ~a,
            "setp" when words[2] == "f32" => Holds(words[1], Float(a), Float(b)) ? 1ul : 0,
            "setp" when words[2] is "s64" or "u64" => Holds(words[1], ((long)a).CompareTo((long)b)) ? 1ul : 0,
            "testp" when words[1] == "notanumber" => float.IsNaN(Float(a)) ? 1ul : 0,
            "setp" => Holds(words[1], words[2] == "s32", (uint)a, (uint)b) ? 1ul : 0,
            "cvt" when words is [_, "rn", "f32", "s32"] => Bits((int)a),
            "cvt" when words is [_, "s32", "s64"] or [_, "u32", "u64"] => (uint)a,
            "cvt" when words is [_, "s64", "s32"] => (ulong)(int)a,
            "cvt" when words is [_, "u64", "u32"] => (uint)a,
            "cvt" when words is [_, "u16", "u32"] => (ushort)a,
            "cvt" when words is [_, "rn", "bf16x2", "f32"] => BF16.PackPortable(Float(b), Float(a)),
            _ => throw PtxMachine.Fault(instruction, "the model has no such instruction"),
        };
        return wide || words[0] is "cvt" or "mov" or "cvta" ? result : (uint)result;
    }

    private static bool Holds(string relation, int order) => relation switch
    {
        "eq" => order == 0,
        "ne" => order != 0,
        "lt" => order < 0,
        "le" => order <= 0,
        "gt" => order > 0,
        "ge" => order >= 0,
        _ => throw new InvalidOperationException($"the model does not compare by {relation}"),
    };

    // Relations that end in u hold for NaN.
    private static bool Holds(string relation, float a, float b) => relation switch
    {
        "lt" => a < b,
        "le" => a <= b,
        "gt" => a > b,
        "ge" => a >= b,
        "eq" => a == b,
        "neu" => a != b,
        "ltu" => !(a >= b),
        "leu" => !(a > b),
        "gtu" => !(a <= b),
        "geu" => !(a < b),
        _ => throw new InvalidOperationException($"the model does not compare by {relation}"),
    };

    private static bool Holds(string relation, bool signed, uint a, uint b) => relation switch
    {
        "lt" or "lo" when !signed => a < b,
        "le" or "ls" when !signed => a <= b,
        "gt" or "hi" when !signed => a > b,
        "ge" or "hs" when !signed => a >= b,
        "eq" => a == b,
        "ne" => a != b,
        "lt" when signed => (int)a < (int)b,
        "le" when signed => (int)a <= (int)b,
        "gt" when signed => (int)a > (int)b,
        "ge" when signed => (int)a >= (int)b,
        _ => throw new InvalidOperationException($"the model does not compare by {relation}"),
    };

    private static ulong Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    private static float Float(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);
}
