namespace Lean.Kernels.Tests;

/// <summary>accept_drafts.</summary>
public abstract class AcceptDraftsTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => StepRowsCases.Accept();
}
