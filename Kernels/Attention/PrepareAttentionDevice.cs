using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Head norms, RoPE and the write into a bf16 cache on a device.</summary>
internal sealed class PrepareAttentionDevice(KernelStream stream) : PrepareAttention
{
    /// <inheritdoc/>
    public override DType CacheType => DType.BF16;

    private protected override void Launch(
        AttentionShape shape, Tensor projected, Tensor queryNorm, Tensor keyNorm, float epsilon, Tensor rotary,
        Tensor slots, Tensor keys, Tensor values, Tensor queries)
    {
        long rows = projected.Shape[0];
        Tensor columns = projected.Reshape(new Shape(rows, 2 * (shape.Heads + shape.KvHeads), shape.HeadDim));
        Tensor heads = queries.Reshape(new Shape(rows, shape.Heads, shape.HeadDim));
        PrepareAttentionLauncher.Launch(stream, columns, heads, keys, values, queryNorm, keyNorm, rotary, slots, epsilon);
    }
}
