using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>What full attention reads of its own rows, once their keys and values are in the cache.</summary>
/// <param name="Projected">f32 [T, (2·Heads + 2·KvHeads)·D]: the rows' projections, of which the gates are still needed.</param>
/// <param name="Queries">f32 [T, Heads·D], normed and rotated.</param>
internal readonly record struct AttentionInputs(Tensor Projected, Tensor Queries);
