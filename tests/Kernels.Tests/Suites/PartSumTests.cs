namespace Lean.Kernels.Tests;

/// <summary>part_sum.</summary>
public abstract class PartSumTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => PartSumCases.All();
}
