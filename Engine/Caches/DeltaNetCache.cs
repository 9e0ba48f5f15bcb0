using Lean.Tensors;

namespace Lean.Engine.Caches;

/// <summary>What Gated DeltaNet carries from row to row in one layer, per sequence slot; both parts move together.</summary>
/// <param name="History">f32 [slots, W − 1, C]: the convolution's last inputs.</param>
/// <param name="State">f32 [slots, ValueHeads, dk, dv]: the recurrent state.</param>
internal readonly record struct DeltaNetCache(Tensor History, Tensor State);
