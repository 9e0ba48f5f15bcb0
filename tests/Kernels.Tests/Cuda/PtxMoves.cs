using System.Runtime.InteropServices;

namespace Lean.Kernels.Tests;

/// <summary>What a thread does alone to memory, or to several registers at once.</summary>
internal static class PtxMoves
{
    /// <summary>What an instruction does, or null if it only has a result.</summary>
    public static PtxMove? Of(PtxProgram program, PtxInstruction instruction)
    {
        PtxOperand[] o = instruction.Operands;
        string[] words = instruction.Words;
        (int first, int second) = (instruction.Into, instruction.A);
        return words[0] switch
        {
            "ld" when words[1] == "param" => Parameter(program.Parameter(o[1].Parts[0].Name!), o[1].Parts[0].Offset, first, words[^1] == "b64"),
            "ld" when words[^1] is "b16" or "u16" => (r, group) => r[first] = MemoryMarshal.Read<ushort>(group.Memory(instruction, r[second], 2)),
            "ld" => Load(instruction, Registers(o[0]), words[^1] == "b64"),
            "mov" when o[0].Parts.Length == 2 => Halves(o[0].Parts[0].Register, o[0].Parts[1].Register, second),
            "mov" when o[1].Parts.Length == 2 => Both(first, o[1].Parts[0].Register, o[1].Parts[1].Register),
            "mov" => null,
            _ when words[1] == "shared::cluster" => (r, group) => group.Cluster.Send(r[first], (uint)r[second], instruction),
            _ when words[1] == "async" => (r, group) => group.Cluster.Send(r[first], (uint)r[second], r[instruction.B], instruction),
            _ when words[^1] == "b64" && instruction.IsSystem => Send(instruction, Registers(o[1])),
            _ when words[^1] == "b64" => StoreWide(instruction, Registers(o[1])),
            _ when words[^1] is "b16" or "u16" => (r, group) => MemoryMarshal.Write(group.Memory(instruction, r[first], 2), (ushort)r[second]),
            _ when words[^1] is "u8" => (r, group) => group.Memory(instruction, r[first], 1)[0] = (byte)r[second],
            _ => Store(instruction, Registers(o[1])),
        };
    }

    private static int[] Registers(PtxOperand operand) => operand.Parts.Length > 0 ? [.. operand.Parts.Select(static p => p.Register)] : [operand.Register];

    private static PtxMove Parameter(int index, int offset, int into, bool wide) => wide
        ? (r, group) => r[into] = MemoryMarshal.Read<ulong>(group.Parameter(index, offset))
        : (r, group) => r[into] = MemoryMarshal.Read<uint>(group.Parameter(index, offset));

    private static PtxMove Load(PtxInstruction instruction, int[] into, bool wide)
    {
        int from = instruction.A;
        if (wide)
        {
            return (r, group) =>
            {
                ReadOnlySpan<ulong> source = MemoryMarshal.Cast<byte, ulong>(group.Memory(instruction, r[from], into.Length * 8));
                for (int i = 0; i < into.Length; i++)
                {
                    r[into[i]] = source[i];
                }
            };
        }

        return (r, group) =>
        {
            ReadOnlySpan<uint> source = MemoryMarshal.Cast<byte, uint>(group.Memory(instruction, r[from], into.Length * 4));
            for (int i = 0; i < into.Length; i++)
            {
                r[into[i]] = source[i];
            }
        };
    }

    private static PtxMove Store(PtxInstruction instruction, int[] values)
    {
        int to = instruction.Into;
        return (r, group) =>
        {
            Span<uint> target = MemoryMarshal.Cast<byte, uint>(group.Memory(instruction, r[to], values.Length * 4));
            for (int i = 0; i < values.Length; i++)
            {
                target[i] = (uint)r[values[i]];
            }
        };
    }

    private static PtxMove StoreWide(PtxInstruction instruction, int[] values)
    {
        int to = instruction.Into;
        return (r, group) =>
        {
            for (int i = 0; i < values.Length; i++)
            {
                MemoryMarshal.Write(group.Memory(instruction, r[to] + ((ulong)i * 8), 8), r[values[i]]);
            }
        };
    }

    private static PtxMove Send(PtxInstruction instruction, int[] values)
    {
        int to = instruction.Into;
        return (r, group) =>
        {
            for (int i = 0; i < values.Length; i++)
            {
                group.Send(r[to] + ((ulong)i * 8), r[values[i]], instruction);
            }
        };
    }

    private static PtxMove Halves(int low, int high, int from) => (r, _) => (r[low], r[high]) = ((uint)r[from], r[from] >> 32);

    private static PtxMove Both(int into, int low, int high) => (r, _) => r[into] = (uint)r[low] | (r[high] << 32);
}
