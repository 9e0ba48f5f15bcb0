using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// prepare_attention of heads of 256 with 64 rotated on cards since Ampere: a group has the same query, key or value of eight rows, a
/// warp a row. A lane has dims 4·l … + 3 and those 128 on; the other of a rotated pair is the same number of lane l ^ 8. Keys, which
/// lie across the rows in the cache, go through shared memory.
/// </summary>
public static class PrepareAttentionWarp
{
    private const int Threads = 256;
    private const int Rows = Threads / 32;
    private const int Dim = 256;
    private const int Rotated = 64;
    private const int Cell = 64;

    /// <summary>
    /// As <see cref="PrepareAttention"/>; rows, norms, angles and cached keys lie at multiples of 16 bytes, cached values at multiples of 8.
    /// Groups of the same rows follow each other.
    /// </summary>
    [Kernel("prepare_attention_warp", Threads, groups: "*", Unroll = true)]
    [Cuda("sm_80")]
    public static void Run(
        [Shape("T", "P", "256")] ArrayView<float> projected,
        [Shape("T", "Heads", "256")] ArrayView<float> queries,
        [Shape("B", "KvHeads", "256", "64")] ArrayView<ushort> keys,
        [Shape("B", "KvHeads", "64", "256")] ArrayView<ushort> values,
        [Shape("256")] ArrayView<float> queryNorm,
        [Shape("256")] ArrayView<float> keyNorm,
        [Shape("T", "64")] ArrayView<float> rotary,
        [Shape("T")] ArrayView<int> slots,
        [Extent("T")] int rows,
        [Extent("P")] int columns,
        [Extent("Heads")] int heads,
        [Extent("KvHeads")] int kvHeads,
        float epsilon)
    {
        ArrayView<int> pairs = SharedMemory.Allocate<int>(Rows * Dim / 2);
        int each = heads + (2 * kvHeads), place = Grid.IdxX % each, firstRow = Grid.IdxX / each * Rows;
        int lane = Group.IdxX & 31, warp = Lanes.First(Group.IdxX >> 5), d = lane * 4;

        // Past the end the last row comes again and goes nowhere.
        int row = Math.Min(firstRow + warp, rows - 1);
        bool exists = firstRow + warp < rows, isQuery = place < heads, isValue = place >= heads + kvHeads;
        int column = isQuery ? 2 * place : heads + place, head = isQuery ? place : isValue ? place - heads - kvHeads : place - heads;
        long source = ((((long)row * columns) + column) * Dim) + d;
        var x = new float[8];
        Take(x, 0, WideAccess.Load(ref projected[source]));
        Take(x, 4, WideAccess.Load(ref projected[source + (Dim / 2)]));
        if (isValue)
        {
            int slot = slots[row];
            long to = ((((((long)(slot / Cell) * kvHeads) + head) * Cell) + (slot % Cell)) * Dim) + d;
            if (exists)
            {
                WideAccess.Store2(ref values[to], BF16.Pack(x[0], x[1]), BF16.Pack(x[2], x[3]));
                WideAccess.Store2(ref values[to + (Dim / 2)], BF16.Pack(x[4], x[5]), BF16.Pack(x[6], x[7]));
            }

            return;
        }

        var norm = new float[8];
        if (isQuery)
        {
            Take(norm, 0, WideAccess.Load(ref queryNorm[d]));
            Take(norm, 4, WideAccess.Load(ref queryNorm[d + (Dim / 2)]));
        }
        else
        {
            Take(norm, 0, WideAccess.Load(ref keyNorm[d]));
            Take(norm, 4, WideAccess.Load(ref keyNorm[d + (Dim / 2)]));
        }

        // Lanes 0 … 7 subtract the upper half's sines, lanes 8 … 15 add the lower half's; the others are not rotated.
        var cos = new float[4];
        var sin = new float[4];
        long angles = ((long)row * Rotated) + (d & ((Rotated / 2) - 1));
        Take(cos, 0, WideAccess.Load(ref rotary[angles]));
        Take(sin, 0, WideAccess.Load(ref rotary[angles + (Rotated / 2)]));
        float squares = 0;
        for (int i = 0; i < 8; i++)
        {
            squares = Scalar.Fma(x[i], x[i], squares);
        }

        squares += Lanes.Xor(squares, 16);
        squares += Lanes.Xor(squares, 8);
        squares += Lanes.Xor(squares, 4);
        squares += Lanes.Xor(squares, 2);
        squares += Lanes.Xor(squares, 1);
        float scale = Scalar.Rsqrt((squares / Dim) + epsilon);
        for (int i = 0; i < 8; i++)
        {
            x[i] = x[i] * scale * (1 + norm[i]);
        }

        for (int i = 0; i < 4; i++)
        {
            float other = Lanes.Xor(x[i], 8), turned = Scalar.Fma(x[i], cos[i], other * (lane >= 8 ? sin[i] : -sin[i]));
            x[i] = lane < 16 ? turned : x[i];
        }

        if (isQuery)
        {
            long to = ((((long)row * heads) + head) * Dim) + d;
            if (exists)
            {
                WideAccess.Store(ref queries[to], x[0], x[1], x[2], x[3]);
                WideAccess.Store(ref queries[to + (Dim / 2)], x[4], x[5], x[6], x[7]);
            }

            return;
        }

        int pair = (warp * (Dim / 2)) + (d / 2);
        pairs[pair] = (int)BF16.Pack(x[0], x[1]);
        pairs[pair + 1] = (int)BF16.Pack(x[2], x[3]);
        pairs[pair + (Dim / 4)] = (int)BF16.Pack(x[4], x[5]);
        pairs[pair + (Dim / 4) + 1] = (int)BF16.Pack(x[6], x[7]);
        Group.Barrier();
        StoreKeys(pairs, keys, slots, firstRow, rows, kvHeads, head);
    }

    // A thread has a dim of all rows, which are neighbours in the cache where their slots are.
    private static void StoreKeys(ArrayView<int> pairs, ArrayView<ushort> keys, ArrayView<int> slots, int firstRow, int rows, int kvHeads, int head)
    {
        var key = new uint[Rows];
        var slot = new int[Rows];
        int dim = Group.IdxX, shift = (dim & 1) * 16;
        bool isRun = firstRow + Rows <= rows;
        for (int r = 0; r < Rows; r++)
        {
            key[r] = ((uint)pairs[(r * (Dim / 2)) + (dim / 2)] >> shift) & 0xffff;
            slot[r] = slots[Math.Min(firstRow + r, rows - 1)];
            isRun &= slot[r] == slot[0] + r;
        }

        if (isRun && slot[0] % Rows == 0)
        {
            U4 eight = default;
            eight.X = key[0] | (key[1] << 16);
            eight.Y = key[2] | (key[3] << 16);
            eight.Z = key[4] | (key[5] << 16);
            eight.W = key[6] | (key[7] << 16);
            WideAccess.Store(ref keys[Place(slot[0], kvHeads, head, dim)], eight);
        }
        else
        {
            for (int r = 0; r < Rows; r++)
            {
                if (firstRow + r < rows)
                {
                    keys[Place(slot[r], kvHeads, head, dim)] = (ushort)key[r];
                }
            }
        }
    }

    private static long Place(int slot, int kvHeads, int head, int dim) => ((((((long)(slot / Cell) * kvHeads) + head) * Dim) + dim) * Cell) + (slot % Cell);

    private static void Take(float[] to, int first, U4 bits)
    {
        to[first] = Interop.IntAsFloat(bits.X);
        to[first + 1] = Interop.IntAsFloat(bits.Y);
        to[first + 2] = Interop.IntAsFloat(bits.Z);
        to[first + 3] = Interop.IntAsFloat(bits.W);
    }
}
