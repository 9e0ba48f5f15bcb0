namespace Lean.Kernels.Tests;

/// <summary>gated_delta_rule for generated rows.</summary>
public abstract class GeneratedDeltaRuleTests<TTarget> : DeltaRuleTests<TTarget> where TTarget : IKernelTarget
{
    protected override RowClass RowClass => RowClass.Generated;

    [Theory]
    [InlineData(0)]
    [InlineData(37)]
    public void Rows_in_one_segment_have_the_bits_of_as_many_single_calls(int start)
    {
        var failures = new Failures();
        foreach (DeltaRuleShape shape in Shapes)
        {
            foreach (int rows in (int[])[2, 3, 4, 5, 8, 9, 33, 70])
            {
                var stream = new DeltaRuleStream(710, shape, start + rows);
                Outputs together = Calls(shape, stream, start, [rows], alone: true);
                int[] singles = [.. Enumerable.Repeat(1, rows)];
                failures.Try($"{shape}, {rows} rows", () => Difference(together, Calls(shape, stream, start, singles, alone: true)));
                failures.Try($"{shape}, {rows} rows among others", () => Difference(together, Calls(shape, stream, start, singles, alone: false)));
                failures.Try($"{shape}, 1 and {rows - 1} rows", () => Difference(together, Calls(shape, stream, start, [1, rows - 1], alone: false)));
            }
        }

        failures.Assert();
    }
}
