using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>embedding: a group per token.</summary>
public static class EmbeddingLookup
{
    private const int Threads = 128;

    /// <summary>output[t] = table[ids[t]], widened.</summary>
    [Kernel("embedding", Threads, groups: "T")]
    [Instance("bf16", typeof(BF16Weight), typeof(ushort))]
    [Instance("f32", typeof(F32Weight), typeof(float))]
    public static void Run<TFormat, TElement>(
        [Shape("T")] ArrayView<int> ids,
        [Shape("V", "H")] ArrayView<TElement> table,
        [Shape("T", "H")] ArrayView<float> output,
        [Extent("H")] int width,
        [RowStride("table")] int tableStride)
        where TFormat : struct, IWeightFormat<TElement>
        where TElement : unmanaged
    {
        long source = (long)ids[Grid.IdxX] * tableStride;
        long target = (long)Grid.IdxX * width;
        for (int h = Group.IdxX; h < width; h += Threads)
        {
            output[target + h] = TFormat.Widen(table[source + h]);
        }
    }
}
