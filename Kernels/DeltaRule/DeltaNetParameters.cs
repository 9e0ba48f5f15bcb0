using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The small weights of a Gated DeltaNet layer.</summary>
/// <param name="Convolution">f32 [C, W], W = 2 … 8.</param>
/// <param name="Decay">f32 [ValueHeads]: A_log.</param>
/// <param name="TimeBias">f32 [ValueHeads]: dt_bias.</param>
/// <param name="Norm">f32 [dv].</param>
/// <param name="Epsilon">ε of the norm.</param>
public sealed record DeltaNetParameters(Tensor Convolution, Tensor Decay, Tensor TimeBias, Tensor Norm, float Epsilon);
