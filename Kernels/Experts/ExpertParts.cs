using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// What the experts of rows gave, before it is added up: y_t = Σ_r mix[t, r] · parts[places[t, r]] + sigmoid(gate_t) · total_t, the shared
/// expert's rows last.
/// </summary>
/// <param name="Places">i32 [T, K]; below 0 where nothing is added.</param>
/// <param name="Mix">f32 [T, K].</param>
/// <param name="Parts">f32 [N, H] by place; bf16 where activations are rounded and a prompt's experts run on Hopper.</param>
/// <param name="Total">Likewise [T, H]: the shared expert's.</param>
/// <param name="GateLogit">f32 [T, 1], rows may be strided.</param>
/// <param name="AreEarly">Whether places, mix and gate are there before the launch that gives the parts has ended.</param>
public readonly record struct ExpertParts(Tensor Places, Tensor Mix, Tensor Parts, Tensor Total, Tensor GateLogit, bool AreEarly = false)
{
    /// <summary>Whether nothing was left.</summary>
    public bool IsEmpty => Parts.IsEmpty;
}
