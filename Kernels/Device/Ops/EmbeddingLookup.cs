using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>embedding: a group per token.</summary>
public static class EmbeddingLookup
{
    private const int Threads = 128;

    /// <summary>output[t] = table[ids[t] − first], widened; zeros where the table has no such row.</summary>
    [Kernel("embedding", Threads, groups: "T")]
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
        int row = ids[Grid.IdxX] - first;
        bool isHeld = row >= 0 && row < held;
        long source = (long)row * tableStride;
        long target = (long)Grid.IdxX * width;
        for (int h = Group.IdxX; h < width; h += Threads)
        {
            output[target + h] = isHeld ? TFormat.Widen(table[source + h]) : 0f;
        }
    }
}
