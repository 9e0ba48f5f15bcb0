using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>A norm of the residual stream.</summary>
/// <param name="Weight">f32 [H].</param>
/// <param name="Epsilon">ε.</param>
/// <param name="Place">What it is called where a row is not finite (see <see cref="Models.FaultPlace"/>).</param>
internal readonly record struct NormWeight(Tensor Weight, float Epsilon, int Place);
