using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// What half a layer adds to the residual stream: rows, or the parts of their sum where the <see cref="ResidualNorm"/> behind it adds up in its
/// own launch. A prompt's rows may be rounded, where that norm reads bf16. Parts lie in memory that is free again, of the step or of the device: the norm is queued before anything else takes memory.
/// </summary>
/// <param name="Rows">f32 [T, H]: the sum, or room for it.</param>
/// <param name="Slices">f32 [S·T, H]: what <see cref="Linear.RunInSlices"/> left; or empty.</param>
/// <param name="Parts">What <see cref="ExpertMixture.RunInParts"/> left; or nothing.</param>
/// <param name="Rounded">bf16 [R, H]: the prompt's rows, whose place in <paramref name="Rows"/> then holds anything; or empty.</param>
internal readonly record struct Addend(Tensor Rows, Tensor Slices = default, ExpertParts Parts = default, Tensor Rounded = default)
{
    /// <summary>Whether the rows are there, all of them f32.</summary>
    public bool IsWhole => Slices.IsEmpty && Parts.IsEmpty && Rounded.IsEmpty;

    /// <summary>The rows, for who takes no parts.</summary>
    public Tensor Whole => IsWhole ? Rows : throw new InvalidOperationException("a sum was left in parts, or rounded, to a norm that takes it whole");
}
