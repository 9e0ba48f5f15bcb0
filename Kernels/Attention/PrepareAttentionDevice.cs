using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Head norms, RoPE and the write into a bf16 cache on a device.</summary>
internal sealed class PrepareAttentionDevice(KernelStream stream) : PrepareAttention
{
    // As in Kernels/Device/Ops/PrepareAttentionWarp.cs.
    private const long Dim = 256;
    private const long Rotated = 64;
    private const long Rows = 8;

    /// <inheritdoc/>
    public override DType CacheType => DType.BF16;

    private protected override void Launch(
        AttentionShape shape, Tensor projected, Tensor queryNorm, Tensor keyNorm, float epsilon, Tensor rotary,
        Tensor slots, Tensor keys, Tensor values, Tensor queries)
    {
        long rows = projected.Shape[0];
        Tensor columns = projected.Reshape(new Shape(rows, 2 * (shape.Heads + shape.KvHeads), shape.HeadDim));
        Tensor heads = queries.Reshape(new Shape(rows, shape.Heads, shape.HeadDim));
        if (stream.MatrixUnits != MatrixUnits.None && shape.HeadDim == Dim && rotary.Shape[1] == Rotated
            && projected.Address % 16 == 0 && queries.Address % 16 == 0 && keys.Address % 16 == 0 && values.Address % 8 == 0
            && queryNorm.Address % 16 == 0 && keyNorm.Address % 16 == 0 && rotary.Address % 16 == 0)
        {
            long groups = (rows + Rows - 1) / Rows * (shape.Heads + (2 * shape.KvHeads));
            PrepareAttentionWarpLauncher.Launch(stream, columns, heads, keys, values, queryNorm, keyNorm, rotary, slots, epsilon, (int)groups);
            return;
        }

        PrepareAttentionLauncher.Launch(stream, columns, heads, keys, values, queryNorm, keyNorm, rotary, slots, epsilon);
    }
}
