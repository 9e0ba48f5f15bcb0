namespace Lean.Kernels.Tests;

/// <summary>prepare_attention.</summary>
public abstract class PrepareAttentionTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => RotaryCases.Prepare();

    [Theory]
    [InlineData(3, 1, 24, 8)]
    [InlineData(4, 2, 40, 10)]
    [InlineData(2, 2, 64, 64)]
    public void A_row_has_the_same_bits_in_every_batch(int heads, int kvHeads, int dim, int rotated) =>
        AssertRowsStandAlone((set, arena, rows) =>
            RotaryCases.Prepare(set, arena, new AttentionShape(heads, kvHeads, dim), rotated, rows, out _, out _));
}
