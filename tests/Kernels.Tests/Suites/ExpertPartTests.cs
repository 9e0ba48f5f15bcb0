namespace Lean.Kernels.Tests;

/// <summary>grouped_experts where other ranks hold some of the experts.</summary>
public abstract class ExpertPartTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => ExpertCases.Parts();
}
