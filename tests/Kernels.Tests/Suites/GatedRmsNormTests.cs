namespace Lean.Kernels.Tests;

/// <summary>gated_rms_norm.</summary>
public abstract class GatedRmsNormTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => NormCases.Gated();

    [Theory]
    [InlineData(3, 24)]
    [InlineData(5, 33)]
    [InlineData(2, 128)]
    public void A_row_has_the_same_bits_in_every_batch(int heads, int dim) =>
        AssertRowsStandAlone((set, arena, rows) => NormCases.GatedRows(set, arena, heads, dim, rows));
}
