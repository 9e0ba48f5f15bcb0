namespace Lean.Kernels.Tests;

/// <summary>log_probabilities.</summary>
public abstract class LogProbabilitiesTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => LogProbabilityCases.Chosen();

    [Fact]
    public void A_row_has_the_same_bits_in_every_batch() =>
        AssertRowsStandAlone((set, arena, rows) => LogProbabilityCases.ChosenRows(set, arena, 100, rows));
}
