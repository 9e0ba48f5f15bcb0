using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>One call of an op with fixed inputs, made anew for every set it runs on.</summary>
/// <param name="Op">The op.</param>
/// <param name="Name">The shapes.</param>
/// <param name="Allowed">‖Δ‖/‖expected‖ at most; 0 for results that must be equal.</param>
/// <param name="Run">Makes the inputs, runs the op, returns what it wrote.</param>
/// <param name="IsAligned">Whether tensors begin where a model's do.</param>
/// <param name="Rounded">The same on warp groups' matrix units with bf16 activations, where that is more: what rounds there besides rows of products with weights.</param>
/// <param name="Turns">Whether it rounds between two products: then a number may turn, see <see cref="SelfTest"/>.</param>
/// <param name="Has">Whether a set has the op, where sets may do without it.</param>
internal sealed record SelfCase(string Op, string Name, double Allowed, Func<KernelSet, GuardedMemory, Tensor[]> Run, bool IsAligned = false, double Rounded = 0, bool Turns = false, Func<KernelSet, bool>? Has = null)
{
    /// <summary>What a set may be off.</summary>
    public double AllowedOn(KernelSet kernels) =>
        kernels.Activations == DType.BF16 && kernels.Stream?.MatrixUnits == MatrixUnits.WarpGroup ? double.Max(Allowed, Rounded) : Allowed;
}
