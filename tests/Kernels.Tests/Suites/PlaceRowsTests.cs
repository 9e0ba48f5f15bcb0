namespace Lean.Kernels.Tests;

/// <summary>place_rows.</summary>
public abstract class PlaceRowsTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => StepRowsCases.Place();
}
