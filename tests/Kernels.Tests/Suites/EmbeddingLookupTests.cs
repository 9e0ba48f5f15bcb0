namespace Lean.Kernels.Tests;

/// <summary>embedding.</summary>
public abstract class EmbeddingLookupTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => EmbeddingCases.Lookup();
}
