namespace Lean.Kernels.Tests;

/// <summary>draw_numbers.</summary>
public abstract class DrawNumbersTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => StepRowsCases.Draw();
}
