using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>prepare_attention: a group per row and D-wide column of it, which is a query, a gate, a key or a value.</summary>
public static class PrepareAttention
{
    private const int Threads = 128;
    private const int Cell = 64;

    /// <summary>q and k = rope(norm(x)); k and v, rounded to bf16, go into the cache block and offset that slots names.</summary>
    [Kernel("prepare_attention", Threads, groups: "T", groupsY: "P")]
    public static void Run(
        [Shape("T", "P", "D")] ArrayView<float> projected,
        [Shape("T", "Heads", "D")] ArrayView<float> queries,
        [Shape("B", "KvHeads", "D", "64")] ArrayView<ushort> keys,
        [Shape("B", "KvHeads", "64", "D")] ArrayView<ushort> values,
        [Shape("D")] ArrayView<float> queryNorm,
        [Shape("D")] ArrayView<float> keyNorm,
        [Shape("T", "R")] ArrayView<float> rotary,
        [Shape("T")] ArrayView<int> slots,
        [Extent("P")] int columns,
        [Extent("D")] int dim,
        [Extent("Heads")] int heads,
        [Extent("KvHeads")] int kvHeads,
        [Extent("R")] int rotated,
        float epsilon)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Threads);
        int row = Grid.IdxX, column = Grid.IdxY;
        long source = (((long)row * columns) + column) * dim;
        int slot = slots[row], offset = slot % Cell;
        bool isKey = column >= 2 * heads;
        int head = isKey ? column - (2 * heads) : column / 2;
        if (head >= kvHeads && isKey)
        {
            head -= kvHeads;
            long value = (((((long)(slot / Cell) * kvHeads) + head) * Cell) + offset) * dim;
            for (int d = Group.IdxX; d < dim; d += Threads)
            {
                values[value + d] = BF16.FromFloat(projected[source + d]);
            }
        }
        else if (isKey || column % 2 == 0)
        {
            float squares = 0;
            for (int d = Group.IdxX; d < dim; d += Threads)
            {
                float x = projected[source + d];
                squares = Scalar.Fma(x, x, squares);
            }

            float scale = Scalar.Rsqrt((GroupSum.All(shared, squares) / dim) + epsilon);
            long query = (((long)row * heads) + head) * dim;
            long key = ((((long)(slot / Cell) * kvHeads) + head) * dim * Cell) + offset;
            long angles = (long)row * rotated;
            int half = rotated / 2;
            for (int d = Group.IdxX; d < dim; d += Threads)
            {
                // The other of a rotated pair lies half a rotation away; the upper one adds its sine, the lower subtracts.
                bool upper = d >= half;
                int other = d >= rotated ? d : upper ? d - half : d + half;
                float y = projected[source + d] * scale * (1 + (isKey ? keyNorm[d] : queryNorm[d]));
                if (d < rotated)
                {
                    float z = projected[source + other] * scale * (1 + (isKey ? keyNorm[other] : queryNorm[other]));
                    int i = upper ? other : d;
                    float cos = rotary[angles + i], sin = rotary[angles + half + i];
                    y = Scalar.Fma(y, cos, z * (upper ? sin : -sin));
                }

                if (isKey)
                {
                    keys[key + ((long)d * Cell)] = BF16.FromFloat(y);
                }
                else
                {
                    queries[query + d] = y;
                }
            }
        }
    }
}
