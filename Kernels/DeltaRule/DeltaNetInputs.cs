using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>What a Gated DeltaNet layer projects its rows to; rows may be strided.</summary>
/// <param name="Qkv">f32 [T, C].</param>
/// <param name="Z">f32 [T, ValueHeads·dv].</param>
/// <param name="B">f32 [T, ValueHeads].</param>
/// <param name="A">f32 [T, ValueHeads].</param>
public readonly record struct DeltaNetInputs(Tensor Qkv, Tensor Z, Tensor B, Tensor A);
