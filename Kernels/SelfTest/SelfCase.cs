using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>One call of an op with fixed inputs, made anew for every set it runs on.</summary>
/// <param name="Op">The op.</param>
/// <param name="Name">The shapes.</param>
/// <param name="Allowed">‖Δ‖/‖expected‖ at most; 0 for results that must be equal.</param>
/// <param name="Run">Makes the inputs, runs the op, returns what it wrote.</param>
/// <param name="IsAligned">Whether tensors begin where a model's do.</param>
internal sealed record SelfCase(string Op, string Name, double Allowed, Func<KernelSet, GuardedMemory, Tensor[]> Run, bool IsAligned = false);
