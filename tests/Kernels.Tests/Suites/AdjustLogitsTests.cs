namespace Lean.Kernels.Tests;

/// <summary>adjust_logits.</summary>
public abstract class AdjustLogitsTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => AdjustCases.All();

    [Theory]
    [InlineData(7)]
    [InlineData(200)]
    public void A_row_has_the_same_bits_in_every_batch(int width) =>
        AssertRowsStandAlone((set, arena, rows) => AdjustCases.Rows(set, arena, width, rows));
}
