namespace Lean.Kernels.Tests;

/// <summary>top_log_probabilities.</summary>
public abstract class TopLogProbabilitiesTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => LogProbabilityCases.Top();

    [Theory]
    [InlineData(33, 5)]
    [InlineData(1000, 20)]
    public void A_row_has_the_same_bits_in_every_batch(int width, int most) =>
        AssertRowsStandAlone((set, arena, rows) => LogProbabilityCases.TopRows(set, arena, width, most, rows));
}
