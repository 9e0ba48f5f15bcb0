using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// From projected rows to attention's inputs: q = rope(norm(q)), k = rope(norm(k)), k and v into the paged cache.
/// norm(x) = x · rsqrt(mean(x²) + ε) · (1 + w) per head. RoPE pairs dimension i with i + R/2 (NeoX) over the first R
/// dimensions: x'_i = x_i·cos_i − x_{i+R/2}·sin_i; x'_{i+R/2} = x_{i+R/2}·cos_i + x_i·sin_i; the rest passes.
/// The gates stay where they are (see <see cref="PagedAttention"/>). Source: Qwen3NextAttention in transformers.
/// </summary>
public abstract class PrepareAttention
{
    private const string Op = "prepare_attention";

    /// <summary>The element type of the caches that it writes.</summary>
    public virtual DType CacheType => DType.F32;

    /// <summary>Prepares T rows.</summary>
    /// <param name="shape">The heads.</param>
    /// <param name="projected">f32 [T, <see cref="AttentionShape.ProjectedWidth"/>], unchanged.</param>
    /// <param name="queryNorm">f32 [D].</param>
    /// <param name="keyNorm">f32 [D].</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="rotary">f32 [T, R] from <see cref="RotaryTable"/>, R even, R ≤ D.</param>
    /// <param name="slots">i32 [T]: block · 64 + offset in the block, where each row's key and value go.</param>
    /// <param name="keys"><see cref="CacheType"/> <see cref="AttentionShape.KeyCache"/>.</param>
    /// <param name="values"><see cref="CacheType"/> <see cref="AttentionShape.ValueCache"/>.</param>
    /// <param name="queries">f32 [T, Heads·D].</param>
    public void Run(
        AttentionShape shape, Tensor projected, Tensor queryNorm, Tensor keyNorm, float epsilon, Tensor rotary,
        Tensor slots, Tensor keys, Tensor values, Tensor queries)
    {
        long rows = projected.Shape[0], dim = shape.HeadDim;
        LaunchCheck.Is(Op, nameof(projected), projected, DType.F32, new Shape(rows, shape.ProjectedWidth), "[T, P]");
        LaunchCheck.Is(Op, nameof(queryNorm), queryNorm, DType.F32, new Shape(dim), "[D]");
        LaunchCheck.Is(Op, nameof(keyNorm), keyNorm, DType.F32, new Shape(dim), "[D]");
        LaunchCheck.Is(Op, nameof(rotary), rotary, DType.F32, new Shape(rows, rotary.Shape[1]), "[T, R]");
        LaunchCheck.That(rotary.Shape[1] % 2 == 0 && rotary.Shape[1] <= dim, Op, "an even R of at most D");
        LaunchCheck.Is(Op, nameof(slots), slots, DType.I32, new Shape(rows), "[T]");
        LaunchCheck.Is(Op, nameof(keys), keys, CacheType, shape.KeyCache(keys.Shape[0]), "[B, KvHeads, D, 64]");
        LaunchCheck.Is(Op, nameof(values), values, CacheType, shape.ValueCache(keys.Shape[0]), "[B, KvHeads, 64, D]");
        LaunchCheck.Is(Op, nameof(queries), queries, DType.F32, new Shape(rows, shape.Heads * dim), "[T, Heads*D]");
        if (rows > 0)
        {
            Launch(shape, projected, queryNorm, keyNorm, epsilon, rotary, slots, keys, values, queries);
        }
    }

    private protected abstract void Launch(
        AttentionShape shape, Tensor projected, Tensor queryNorm, Tensor keyNorm, float epsilon, Tensor rotary,
        Tensor slots, Tensor keys, Tensor values, Tensor queries);
}
