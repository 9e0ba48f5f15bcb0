namespace Lean.Kernels.Tests;

/// <summary>mask_logits.</summary>
public abstract class MaskLogitsTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => MaskCases.All();

    [Theory]
    [InlineData(33)]
    [InlineData(9000)]
    public void A_row_has_the_same_bits_in_every_batch(int width) =>
        AssertRowsStandAlone((set, arena, rows) => MaskCases.Rows(set, arena, width, rows));
}
