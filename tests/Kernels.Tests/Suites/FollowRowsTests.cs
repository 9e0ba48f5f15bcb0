namespace Lean.Kernels.Tests;

/// <summary>follow_rows.</summary>
public abstract class FollowRowsTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => StepRowsCases.Follow();
}
