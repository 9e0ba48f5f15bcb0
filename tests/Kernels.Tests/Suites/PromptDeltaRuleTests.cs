namespace Lean.Kernels.Tests;

/// <summary>gated_delta_rule for prompt rows.</summary>
public abstract class PromptDeltaRuleTests<TTarget> : DeltaRuleTests<TTarget> where TTarget : IKernelTarget
{
    protected override RowClass RowClass => RowClass.Prompt;

    [Theory]
    [InlineData(0)]
    [InlineData(64)]
    public void A_prompt_has_the_same_bits_however_it_is_cut_on_the_grid(int start)
    {
        var failures = new Failures();
        foreach (DeltaRuleShape shape in Shapes)
        {
            foreach (int length in (int[])[65, 127, 128, 130, 256])
            {
                var stream = new DeltaRuleStream(700, shape, start + length);
                Outputs whole = Calls(shape, stream, start, [length], alone: true);
                foreach (int[] cut in GridCuts.Of(length))
                {
                    string name = $"{shape}, calls of {string.Join(", ", cut)} rows";
                    failures.Try(name, () => Difference(whole, Calls(shape, stream, start, cut, alone: true)));
                    failures.Try(name + " among others", () => Difference(whole, Calls(shape, stream, start, cut, alone: false)));
                }
            }
        }

        failures.Assert();
    }

    [Fact]
    public void A_row_has_the_same_bits_however_many_rows_of_its_cell_follow()
    {
        // A prompt that ends inside a cell is continued by computing the cell again with more rows.
        var failures = new Failures();
        foreach (DeltaRuleShape shape in Shapes)
        {
            var stream = new DeltaRuleStream(700, shape, 192);
            int[] whole = Calls(shape, stream, 64, [128], alone: true)["output"].Bits;
            foreach (int count in Numbers.Rows.Where(rows => rows < 128))
            {
                int[] part = Calls(shape, stream, 64, [count], alone: true)["output"].Bits;
                failures.Add($"{shape}, {count} of 128 rows", part.AsSpan().SequenceEqual(whole.AsSpan(0, part.Length)) ? null : "the rows differ");
            }
        }

        failures.Assert();
    }
}
