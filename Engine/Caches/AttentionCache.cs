using Lean.Tensors;

namespace Lean.Engine.Caches;

/// <summary>Keys and values of one attention layer, in blocks of 64 positions (see <see cref="Lean.Kernels.AttentionShape"/>).</summary>
/// <param name="Keys">f32 [B, KvHeads, D, 64].</param>
/// <param name="Values">f32 [B, KvHeads, 64, D].</param>
internal readonly record struct AttentionCache(Tensor Keys, Tensor Values);
