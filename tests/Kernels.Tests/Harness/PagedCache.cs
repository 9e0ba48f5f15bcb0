using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Where a value lies in the paged caches.</summary>
public static class PagedCache
{
    /// <summary>Index into the keys [B, KvHeads, D, 64].</summary>
    public static int KeyIndex(AttentionShape shape, int block, int head, int d, int offset) =>
        (((((block * shape.KvHeads) + head) * shape.HeadDim) + d) * Grid.Cell) + offset;

    /// <summary>Index into the values [B, KvHeads, 64, D].</summary>
    public static int ValueIndex(AttentionShape shape, int block, int head, int d, int offset) =>
        (((((block * shape.KvHeads) + head) * Grid.Cell) + offset) * shape.HeadDim) + d;

    /// <summary>An element of a cache, widened.</summary>
    public static float Read(Tensor cache, int index) =>
        cache.Type == DType.BF16 ? DTypes.BF16ToF32(cache.AsSpan<ushort>()[index]) : cache.AsSpan<float>()[index];
}
