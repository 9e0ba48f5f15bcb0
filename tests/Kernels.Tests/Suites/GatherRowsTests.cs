namespace Lean.Kernels.Tests;

/// <summary>gather_rows.</summary>
public abstract class GatherRowsTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => EmbeddingCases.Gather();
}
