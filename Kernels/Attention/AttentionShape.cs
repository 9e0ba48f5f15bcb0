using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The heads of an attention layer and the layouts that follow from them.
/// Projected rows hold [q_0 | gate_0 | q_1 | gate_1 | … | k_0 | k_1 | … | v_0 | …], each D wide.
/// </summary>
/// <param name="Heads">Query heads.</param>
/// <param name="KvHeads">Key/value heads; divides <paramref name="Heads"/>. Query head h reads key/value head h / (Heads / KvHeads).</param>
/// <param name="HeadDim">D, values of a head.</param>
public readonly record struct AttentionShape(int Heads, int KvHeads, int HeadDim)
{
    /// <summary>Width of a projected row.</summary>
    public int ProjectedWidth => ((2 * Heads) + (2 * KvHeads)) * HeadDim;

    /// <summary>Width of what of it goes into the cache, its end: <see cref="ProjectedWidth"/> of no queries.</summary>
    public int CachedWidth => 2 * KvHeads * HeadDim;

    /// <summary>Column where the keys begin in a projected row.</summary>
    public int KeyColumn => 2 * Heads * HeadDim;

    /// <summary>Column where the values begin in a projected row.</summary>
    public int ValueColumn => KeyColumn + (KvHeads * HeadDim);

    /// <summary>
    /// Keys of a paged cache of <paramref name="blocks"/> blocks: [B, KvHeads, D, 64], positions innermost, so that one
    /// query meets 16 keys per vector without a horizontal sum.
    /// </summary>
    public Shape KeyCache(long blocks) => new(blocks, KvHeads, HeadDim, Grid.Cell);

    /// <summary>Values of a paged cache: [B, KvHeads, 64, D].</summary>
    public Shape ValueCache(long blocks) => new(blocks, KvHeads, Grid.Cell, HeadDim);
}
