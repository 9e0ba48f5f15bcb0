namespace Lean.Kernels.Tests;

/// <summary>place_drafts.</summary>
public abstract class PlaceDraftsTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => StepRowsCases.Draft();
}
