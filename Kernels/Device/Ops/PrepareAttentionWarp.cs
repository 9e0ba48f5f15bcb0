using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// prepare_attention of heads of 256 with 64 rotated on cards since Ampere: a warp per row and query, key or value. A lane has
/// dims 4·l … + 3 and those 128 on; the other of a rotated pair is the same number of lane l ^ 8.
/// </summary>
public static class PrepareAttentionWarp
{
    private const int Threads = 256;
    private const int Warps = Threads / 32;
    private const int Dim = 256;
    private const int Rotated = 64;
    private const int Cell = 64;

    /// <summary>As <see cref="PrepareAttention"/>; rows, norms and angles lie at multiples of 16 bytes, cached values at multiples of 8.</summary>
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
        int each = heads + (2 * kvHeads), lane = Group.IdxX & 31, own = (Grid.IdxX * Warps) + Lanes.First(Group.IdxX >> 5);
        int row = own / each, place = own - (row * each);
        if (row >= rows)
        {
            return;
        }

        bool isQuery = place < heads, isValue = place >= heads + kvHeads;
        int column = isQuery ? 2 * place : heads + place, head = isQuery ? place : isValue ? place - heads - kvHeads : place - heads;
        int slot = slots[row], offset = slot % Cell, d = lane * 4;
        long source = ((((long)row * columns) + column) * Dim) + d, block = ((long)(slot / Cell) * kvHeads) + head;
        var x = new float[8];
        Take(x, 0, WideAccess.Load(ref projected[source]));
        Take(x, 4, WideAccess.Load(ref projected[source + (Dim / 2)]));
        if (isValue)
        {
            long to = (((block * Cell) + offset) * Dim) + d;
            WideAccess.Store2(ref values[to], BF16.Pack(x[0], x[1]), BF16.Pack(x[2], x[3]));
            WideAccess.Store2(ref values[to + (Dim / 2)], BF16.Pack(x[4], x[5]), BF16.Pack(x[6], x[7]));
            return;
        }

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
            WideAccess.Store(ref queries[to], x[0], x[1], x[2], x[3]);
            WideAccess.Store(ref queries[to + (Dim / 2)], x[4], x[5], x[6], x[7]);
        }
        else
        {
            for (int i = 0; i < 8; i++)
            {
                keys[(((block * Dim) + d + (i & 3) + ((i >> 2) * (Dim / 2))) * Cell) + offset] = BF16.FromFloat(x[i]);
            }
        }
    }

    private static void Take(float[] to, int first, U4 bits)
    {
        to[first] = Interop.IntAsFloat(bits.X);
        to[first + 1] = Interop.IntAsFloat(bits.Y);
        to[first + 2] = Interop.IntAsFloat(bits.Z);
        to[first + 3] = Interop.IntAsFloat(bits.W);
    }
}
