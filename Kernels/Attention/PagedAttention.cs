using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Causal attention of each row over positions 0 … p of its own sequence in a paged cache, times sigmoid(gate):
/// o = sigmoid(gate) ⊙ Σ_j softmax_j(q·k_j / √D) v_j. Blocks are visited in the order of absolute positions with an
/// online softmax (Milakov and Gimelshein 2018), so a row's bits depend on its sequence alone, and on matrix units on its class.
/// </summary>
public abstract class PagedAttention
{
    private const string Op = "paged_attention";

    /// <summary>The element type of the caches that it reads.</summary>
    public virtual DType CacheType => DType.F32;

    /// <summary>Attends for T rows of S sequences.</summary>
    /// <param name="shape">The heads.</param>
    /// <param name="queries">f32 [T, Heads·D], prepared.</param>
    /// <param name="projected">f32 [T, P]: the projected rows, for their gates.</param>
    /// <param name="keys"><see cref="CacheType"/> <see cref="AttentionShape.KeyCache"/>, holding every position up to each row's own.</param>
    /// <param name="values"><see cref="CacheType"/> <see cref="AttentionShape.ValueCache"/>.</param>
    /// <param name="segments">i32 [S, 4], see <see cref="Segments"/>.</param>
    /// <param name="blocks">i32 [S, M]: the cache block of each 64 positions of each sequence.</param>
    /// <param name="output">f32 [T, Heads·D].</param>
    /// <param name="promptRows">How many of the rows, the first ones, are prompts'; a segment's rows are of one class.</param>
    /// <param name="terms">
    /// bf16: what <see cref="NormedTerms.Of"/> gave for the prompts' rows or, where all rows are generated, <see cref="NormedTerms.Pieces"/>, where the op <see cref="MakesTerms"/>: the
    /// result goes there, and what is in <paramref name="output"/> of those rows then means nothing. Or empty.
    /// </param>
    public void Run(
        AttentionShape shape, Tensor queries, Tensor projected, Tensor keys, Tensor values, Tensor segments, Tensor blocks, Tensor output, long promptRows,
        Tensor terms = default)
    {
        long rows = queries.Shape[0], sequences = segments.Shape[0];
        LaunchCheck.That(shape.KvHeads > 0 && shape.Heads % shape.KvHeads == 0, Op, "KvHeads that divide Heads");
        Shape flat = new(rows, shape.Heads * shape.HeadDim);
        LaunchCheck.Is(Op, nameof(queries), queries, DType.F32, flat, "[T, Heads*D]");
        LaunchCheck.Is(Op, nameof(projected), projected, DType.F32, new Shape(rows, shape.ProjectedWidth), "[T, P]");
        LaunchCheck.Is(Op, nameof(keys), keys, CacheType, shape.KeyCache(keys.Shape[0]), "[B, KvHeads, D, 64]");
        LaunchCheck.Is(Op, nameof(values), values, CacheType, shape.ValueCache(keys.Shape[0]), "[B, KvHeads, 64, D]");
        LaunchCheck.Is(Op, nameof(segments), segments, DType.I32, new Shape(sequences, Segments.Columns), "[S, 4]");
        LaunchCheck.Is(Op, nameof(blocks), blocks, DType.I32, new Shape(sequences, blocks.Shape[1]), "[S, M]", strided: true);
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, flat, "[T, Heads*D]");
        LaunchCheck.That(promptRows >= 0 && promptRows <= rows, Op, "0 ≤ promptRows ≤ T");
        LaunchCheck.That(terms.IsEmpty || (MakesTerms && (promptRows == 0 || terms.Shape[0] == promptRows)), Op, "terms of prompts' rows or of generated ones alone, on a device that makes them");
        if (rows > 0 && sequences > 0)
        {
            Launch(shape, queries, projected, keys, values, segments, blocks, output, terms, promptRows);
        }
    }

    /// <summary>Whether the result of prompts' rows, or of generated rows alone, can go to what the product behind it multiplies.</summary>
    public virtual bool MakesTerms => false;

    private protected abstract void Launch(
        AttentionShape shape, Tensor queries, Tensor projected, Tensor keys, Tensor values, Tensor segments, Tensor blocks, Tensor output, Tensor terms,
        long promptRows);
}
