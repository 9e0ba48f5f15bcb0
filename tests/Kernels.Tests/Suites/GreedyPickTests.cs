namespace Lean.Kernels.Tests;

/// <summary>greedy_pick.</summary>
public abstract class GreedyPickTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => GreedyCases.All();

    [Theory]
    [InlineData(33)]
    [InlineData(1000)]
    public void A_row_has_the_same_bits_in_every_batch(int width) =>
        AssertRowsStandAlone((set, arena, rows) => GreedyCases.Rows(set, arena, width, rows));
}
