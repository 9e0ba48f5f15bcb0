using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// embedding: rows in parts of 1,024 numbers, a group each. All of a thread's numbers are on their way before the first is
/// written: rows come from anywhere in a large table, and one wait after the other would take longer than all the rest.
/// </summary>
public static class EmbeddingLookup
{
    private const int Threads = 256;
    private const int Each = 4;

    /// <summary>output[t] = table[ids[t] − first], widened; zeros where the table has no such row.</summary>
    [Kernel("embedding", Threads, groups: "T", groupsY: "H/1024")]
    [Instance("bf16", typeof(BF16Weight), typeof(ushort))]
    [Instance("f32", typeof(F32Weight), typeof(float))]
    public static void Run<TFormat, TElement>(
        [Shape("T")] ArrayView<int> ids,
        [Shape("V", "H")] ArrayView<TElement> table,
        [Shape("T", "H")] ArrayView<float> output,
        int first,
        [Extent("V")] int held,
        [Extent("H")] int width,
        [RowStride("table")] int tableStride)
        where TFormat : struct, IWeightFormat<TElement>
        where TElement : unmanaged
    {
        int row = ids[Grid.IdxX] - first, from = (Grid.IdxY * Threads * Each) + Group.IdxX, last = width - 1;
        long source = (long)row * tableStride, target = (long)Grid.IdxX * width;
        float x0 = 0, x1 = 0, x2 = 0, x3 = 0;
        if (row >= 0 && row < held)
        {
            x0 = TFormat.Widen(table[source + Math.Min(from, last)]);
            x1 = TFormat.Widen(table[source + Math.Min(from + Threads, last)]);
            x2 = TFormat.Widen(table[source + Math.Min(from + (2 * Threads), last)]);
            x3 = TFormat.Widen(table[source + Math.Min(from + (3 * Threads), last)]);
        }

        for (int i = 0; i < Each; i++)
        {
            int h = from + (i * Threads);
            if (h < width)
            {
                output[target + h] = i == 0 ? x0 : i == 1 ? x1 : i == 2 ? x2 : x3;
            }
        }
    }
}
