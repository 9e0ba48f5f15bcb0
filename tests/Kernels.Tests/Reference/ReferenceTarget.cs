namespace Lean.Kernels.Tests;

/// <summary>The reference set: for it the suites check the cases themselves (no NaN leaks, no redzone breaks) and row invariance.</summary>
public sealed class ReferenceTarget : IKernelTarget
{
    private static readonly KernelSet Set = ReferenceKernels.Create();

    public static KernelSet WithThreads(int threads) => Set;
}
