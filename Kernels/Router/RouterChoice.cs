using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A router's product and the choice behind it.</summary>
/// <param name="Weight">[N, H]: the experts' rows, then others that have no say in the choice.</param>
/// <param name="Count">E ≤ N.</param>
/// <param name="Renormalise">Whether the chosen weights are scaled to sum to one.</param>
/// <param name="Logits">f32 [T, N], rows may be strided: receives all products.</param>
/// <param name="Experts">i32 [T, K]: receives the chosen experts by rank; see <see cref="ExpertRouter.Run"/>.</param>
/// <param name="Weights">f32 [T, K]: receives their weights.</param>
public readonly record struct RouterChoice(LinearWeight Weight, int Count, bool Renormalise, Tensor Logits, Tensor Experts, Tensor Weights);
