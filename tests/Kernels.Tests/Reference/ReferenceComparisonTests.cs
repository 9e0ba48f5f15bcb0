namespace Lean.Kernels.Tests;

/// <summary>The comparison of whole sets, on the only set that is always there.</summary>
public sealed class ReferenceComparisonTests
{
    [Fact]
    public void Two_reference_sets_agree_in_every_bit() =>
        KernelSetComparison.AssertBitEqual(ReferenceKernels.Create(), ReferenceKernels.Create(), "embedding", "causal_convolution");
}
