namespace Lean.Kernels.Tests;

/// <summary>rotary_table.</summary>
public abstract class RotaryTableTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => RotaryCases.Table();

    [Fact]
    public void A_row_has_the_same_bits_in_every_batch() =>
        AssertRowsStandAlone((set, arena, rows) => RotaryCases.TableRows(set, arena, 17, 1.5f, rows));
}
