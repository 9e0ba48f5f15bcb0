namespace Lean.Kernels.Tests;

/// <summary>add_rms_norm.</summary>
public abstract class AddRmsNormTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => NormCases.Add();

    [Theory]
    [InlineData(17, 0)]
    [InlineData(100, 3)]
    [InlineData(129, 0)]
    public void A_row_has_the_same_bits_in_every_batch(int width, int gap) =>
        AssertRowsStandAlone((set, arena, rows) => NormCases.AddRows(set, arena, width, rows, gap: gap));
}
