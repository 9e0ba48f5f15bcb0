using System.Runtime.InteropServices;

namespace Lean.Kernels.Tests;

/// <summary>What 32 or 128 threads do together, by the layouts of the PTX ISA's tables, which nothing here takes from the kernels.</summary>
internal static class PtxWarp
{
    /// <summary>An instruction of a warp.</summary>
    public static void Run(PtxInstruction instruction, PtxThread[] warp, byte[] shared)
    {
        switch (instruction.Operation)
        {
            case "shfl.sync.idx.b32":
                Exchange(instruction, warp, crosses: false);
                break;
            case "shfl.sync.bfly.b32":
                Exchange(instruction, warp, crosses: true);
                break;
            case "redux.sync.max.u32":
                Reduce(instruction, warp, uint.Max);
                break;
            case "redux.sync.min.u32":
                Reduce(instruction, warp, uint.Min);
                break;
            case "redux.sync.add.s32":
                Reduce(instruction, warp, static (sum, next) => unchecked(sum + next));
                break;
            case "vote.sync.ballot.b32":
                uint given = 0;
                foreach (PtxThread thread in warp)
                {
                    given |= thread.Registers[instruction.A] != 0 ? 1u << (thread.Number % 32) : 0;
                }

                Array.ForEach(warp, t => t.Registers[instruction.Into] = given);
                break;
            case "bar.warp.sync":
                break;
            case "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16":
                Load(instruction, warp, shared, turned: true);
                break;
            case "ldmatrix.sync.aligned.m8n8.x4.shared.b16":
                Load(instruction, warp, shared, turned: false);
                break;
            case "stmatrix.sync.aligned.m8n8.x4.shared.b16":
                Store(instruction, warp, shared);
                break;
            case "stmatrix.sync.aligned.m8n8.x4.trans.shared.b16":
                StoreTurned(instruction, warp, shared);
                break;
            case "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32":
                Multiply(warp, instruction.Operands);
                break;
            case "setmaxnreg.inc.sync.aligned.u32" or "setmaxnreg.dec.sync.aligned.u32":
                break;
            default:
                throw PtxMachine.Fault(instruction, "the model has no such instruction");
        }
    }

    private static void Exchange(PtxInstruction instruction, PtxThread[] warp, bool crosses)
    {
        Span<ulong> given = stackalloc ulong[32];
        for (int i = 0; i < warp.Length; i++)
        {
            int other = (int)warp[i].Registers[instruction.B];
            given[i] = warp[crosses ? i ^ other : other].Registers[instruction.A];
        }

        for (int i = 0; i < warp.Length; i++)
        {
            warp[i].Registers[instruction.Into] = given[i];
        }
    }

    private static void Reduce(PtxInstruction instruction, PtxThread[] warp, Func<uint, uint, uint> join)
    {
        uint joined = (uint)warp[0].Registers[instruction.A];
        foreach (PtxThread thread in warp.AsSpan(1))
        {
            joined = join(joined, (uint)thread.Registers[instruction.A]);
        }

        Array.ForEach(warp, t => t.Registers[instruction.Into] = joined);
    }

    // A thread's address is that of a row of a matrix. A thread gets two neighbours of a row, or of a column of the matrix turned.
    private static void Load(PtxInstruction instruction, PtxThread[] warp, byte[] shared, bool turned)
    {
        PtxOperand[] into = instruction.Operands[0].Parts;
        Span<ushort> matrix = stackalloc ushort[64];
        Span<ulong> rows = stackalloc ulong[32];
        for (int i = 0; i < 32; i++)
        {
            rows[i] = warp[i].Registers[instruction.A];
            Check(rows[i] % 16 == 0, instruction);
        }

        for (int number = 0; number < 4; number++)
        {
            for (int row = 0; row < 8; row++)
            {
                MemoryMarshal.Cast<byte, ushort>(PtxMachine.Shared(shared, rows[(number * 8) + row], 16, instruction)).CopyTo(matrix[(row * 8)..]);
            }

            for (int lane = 0; lane < 32; lane++)
            {
                int across = lane / 4, along = lane % 4 * 2;
                (uint low, uint high) = turned ? (matrix[(along * 8) + across], matrix[((along + 1) * 8) + across]) : ((uint)matrix[(across * 8) + along], matrix[(across * 8) + along + 1]);
                warp[lane].Registers[into[number].Register] = low | (high << 16);
            }
        }
    }

    private static void Store(PtxInstruction instruction, PtxThread[] warp, byte[] shared)
    {
        PtxOperand[] from = instruction.Operands[1].Parts;
        foreach (PtxThread thread in warp)
        {
            int lane = thread.Number % 32;
            for (int matrix = 0; matrix < 4; matrix++)
            {
                ulong row = warp[(matrix * 8) + (lane / 4)].Registers[instruction.Into];
                Check(row % 16 == 0, instruction);
                MemoryMarshal.Write(PtxMachine.Shared(shared, row + (ulong)(lane % 4 * 4), 4, instruction), (uint)thread.Registers[from[matrix].Register]);
            }
        }
    }

    // A thread has two neighbours of a row, which go to two addresses.
    private static void StoreTurned(PtxInstruction instruction, PtxThread[] warp, byte[] shared)
    {
        PtxOperand[] from = instruction.Operands[1].Parts;
        foreach (PtxThread thread in warp)
        {
            int lane = thread.Number % 32;
            for (int i = 0; i < 8; i++)
            {
                ulong row = warp[(i / 2 * 8) + (lane % 4 * 2) + (i % 2)].Registers[instruction.Into];
                Check(row % 16 == 0, instruction);
                uint pair = (uint)thread.Registers[from[i / 2].Register];
                MemoryMarshal.Write(PtxMachine.Shared(shared, row + (ulong)(lane / 4 * 2), 2, instruction), (ushort)(i % 2 == 0 ? pair : pair >> 16));
            }
        }
    }

    /// <summary>wgmma: a of 64 rows, in shared memory or in registers, b of as many as a thread has sums, twice; described by where they lie.</summary>
    public static void Multiply(PtxInstruction instruction, PtxThread[] four, ulong a, ulong b, bool add, byte[] shared)
    {
        PtxOperand[] sums = instruction.Operands[0].Parts, lefts = instruction.Operands[1].Parts;
        Check(instruction.Operation.Contains($"m64n{sums.Length * 2}k16", StringComparison.Ordinal), instruction);
        bool turned = instruction.Operands[^1].Value != 0;
        float[] left = lefts.Length > 0 ? Registers() : Matrix(a, 64, false), right = Matrix(b, sums.Length * 2, turned);
        foreach (PtxThread thread in four)
        {
            int t = thread.Number % 128;
            for (int i = 0; i < sums.Length; i++)
            {
                int row = (t / 32 * 16) + (t % 32 / 4) + (i / 2 % 2 * 8), column = (i / 4 * 8) + (t % 4 * 2) + (i % 2);
                double sum = add ? BitConverter.UInt32BitsToSingle((uint)thread.Registers[sums[i].Register]) : 0;
                for (int k = 0; k < 16; k++)
                {
                    sum += (double)left[(row * 16) + k] * right[(column * 16) + k];
                }

                thread.Registers[sums[i].Register] = BitConverter.SingleToUInt32Bits((float)sum);
            }
        }

        // A warp's sixteen rows as mma.sync has them.
        float[] Registers()
        {
            var matrix = new float[64 * 16];
            foreach (PtxThread thread in four)
            {
                int t = thread.Number % 128;
                for (int i = 0; i < 4; i++)
                {
                    int at = (((t / 32 * 16) + (t % 32 / 4) + (i % 2 * 8)) * 16) + (t % 4 * 2) + (i / 2 * 8);
                    uint pair = (uint)thread.Registers[lefts[i].Register];
                    (matrix[at], matrix[at + 1]) = (Widen(pair & 0xffff), Widen(pair >> 16));
                }
            }

            return matrix;
        }

        // With a 128-byte swizzle: eight rows of 128 bytes, then the next eight a stride further on; turned, eight of k in rows of
        // 64 columns, a leading dimension from those to the next 64. Without: matrices of 8 × 8, each in one piece, by rows of k
        // or, turned, by columns; the leading dimension is k's, the other stride leads across.
        float[] Matrix(ulong descriptor, int rows, bool turned)
        {
            bool swizzles = descriptor >> 62 == 1;
            Check(swizzles || descriptor >> 62 == 0, instruction);
            ulong start = (descriptor & 0x3fff) << 4, leading = ((descriptor >> 16) & 0x3fff) << 4, stride = ((descriptor >> 32) & 0x3fff) << 4;
            var matrix = new float[rows * 16];
            for (int i = 0; i < matrix.Length; i++)
            {
                int row = i / 16, k = i % 16;
                ulong across = start + ((ulong)(row / 8) * stride);
                ulong at = (swizzles, turned) switch
                {
                    (true, false) => Swizzled(across + (ulong)((row % 8 * 128) + (k * 2))),
                    (true, true) => Swizzled(start + ((ulong)(row / 64) * leading) + ((ulong)(k / 8) * stride) + (ulong)((k % 8 * 128) + (row % 64 * 2))),
                    (false, false) => across + ((ulong)(k / 8) * leading) + (ulong)((row % 8 * 16) + (k % 8 * 2)),
                    _ => across + ((ulong)(k / 8) * leading) + (ulong)((k % 8 * 16) + (row % 8 * 2)),
                };
                matrix[i] = Widen(MemoryMarshal.Read<ushort>(PtxMachine.Shared(shared, at, 2, instruction)));
            }

            return matrix;
        }
    }

    /// <summary>Address bits 4…6 are mixed with bits 7…9.</summary>
    public static ulong Swizzled(ulong address) => address ^ ((address >> 3) & 0x70);

    public static float Widen(uint bf16) => BitConverter.UInt32BitsToSingle(bf16 << 16);

    private static void Multiply(PtxThread[] warp, PtxOperand[] o)
    {
        Span<float> left = stackalloc float[16 * 16], right = stackalloc float[8 * 16];
        foreach (PtxThread thread in warp)
        {
            int lane = thread.Number % 32, group = lane / 4, k = lane % 4 * 2;
            Span<ulong> registers = thread.Registers;
            for (int i = 0; i < 4; i++)
            {
                uint pair = (uint)registers[o[1].Parts[i].Register];
                int at = ((group + (i % 2 * 8)) * 16) + k + (i / 2 * 8);
                (left[at], left[at + 1]) = (Widen(pair & 0xffff), Widen(pair >> 16));
            }

            for (int i = 0; i < 2; i++)
            {
                uint pair = (uint)registers[o[2].Parts[i].Register];
                int at = (group * 16) + k + (i * 8);
                (right[at], right[at + 1]) = (Widen(pair & 0xffff), Widen(pair >> 16));
            }
        }

        foreach (PtxThread thread in warp)
        {
            int lane = thread.Number % 32;
            Span<ulong> registers = thread.Registers;
            for (int i = 0; i < 4; i++)
            {
                double sum = BitConverter.UInt32BitsToSingle((uint)registers[o[3].Parts[i].Register]);
                ReadOnlySpan<float> row = left.Slice(((lane / 4) + (i / 2 * 8)) * 16, 16), column = right.Slice(((lane % 4 * 2) + (i % 2)) * 16, 16);
                for (int k = 0; k < row.Length; k++)
                {
                    sum += (double)row[k] * column[k];
                }

                registers[o[0].Parts[i].Register] = BitConverter.SingleToUInt32Bits((float)sum);
            }
        }
    }

    private static void Check(bool holds, PtxInstruction instruction)
    {
        if (!holds)
        {
            throw PtxMachine.Fault(instruction, "an address or a descriptor that the card would refuse");
        }
    }
}
