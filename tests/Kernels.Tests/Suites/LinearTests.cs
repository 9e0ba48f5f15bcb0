using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>linear.</summary>
public abstract class LinearTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => LinearCases.All();

    [Theory]
    [InlineData(DType.BF16, 100, 33, LinearCases.WeightLayout.Whole)]
    [InlineData(DType.F32, 100, 33, LinearCases.WeightLayout.Whole)]
    [InlineData(DType.BF16, 1100, 21, LinearCases.WeightLayout.Whole)]
    [InlineData(DType.BF16, 144, 45, LinearCases.WeightLayout.Whole)]
    [InlineData(DType.BF16, 129, 82, LinearCases.WeightLayout.Apart)]
    [InlineData(DType.F32, 31, 82, LinearCases.WeightLayout.Apart)]
    [InlineData(DType.BF16, 64, 31, LinearCases.WeightLayout.Interleaved)]
    [InlineData(DType.F32, 257, 31, LinearCases.WeightLayout.Interleaved)]
    public void A_row_has_the_same_bits_in_every_batch(DType type, int inputs, int outputs, LinearCases.WeightLayout layout) =>
        AssertRowsStandAlone((set, arena, rows) => LinearCases.Rows(set, arena, type, inputs, outputs, rows, layout));

    [Theory]
    [InlineData(DType.BF16, 129, 82)]
    [InlineData(DType.F32, 100, 67)]
    public void A_prompt_row_has_the_same_bits_in_every_batch(DType type, int inputs, int outputs) => AssertRowsStandAlone(
        (set, arena, rows) => LinearCases.Rows(set, arena, type, inputs, outputs, rows, promptRows: rows.Length));

    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    public void A_row_has_the_bits_of_its_class_in_a_mixed_step(int promptRows)
    {
        int[] rows = [.. Enumerable.Range(0, 70)];
        Outputs mixed = Run(promptRows), prompts = Run(rows.Length), generated = Run(0);
        foreach (int row in rows)
        {
            Assert.Null(Compare.Rows(row < promptRows ? prompts : generated, row, mixed, row));
        }

        Outputs Run(int prompt)
        {
            using var arena = new Arena(Kernels);
            return LinearCases.Rows(Kernels, arena, DType.BF16, 129, 82, rows, promptRows: prompt);
        }
    }

    // A few rows and many, of both classes, and outputs that begin and end within blocks and within the matrices that a weight is made of.
    [Theory]
    [InlineData(LinearCases.WeightLayout.Whole)]
    [InlineData(LinearCases.WeightLayout.Apart)]
    [InlineData(LinearCases.WeightLayout.Interleaved)]
    public void Some_outputs_have_the_bits_that_they_have_among_all(LinearCases.WeightLayout layout)
    {
        KernelSet kernels = Kernels;
        foreach ((int rows, int prompts) in ((int, int)[])[(1, 0), (3, 1), (70, 0), (70, 33), (70, 70)])
        {
            using var arena = new Arena(kernels);
            int[] all = [.. Enumerable.Range(0, rows)];
            Output whole = LinearCases.Rows(kernels, arena, DType.BF16, 136, 120, all, layout, promptRows: prompts)["output"];
            foreach ((int first, int count) in ((int, int)[])[(0, 120), (80, 40), (4, 76), (116, 4)])
            {
                Output some = LinearCases.Rows(kernels, arena, DType.BF16, 136, 120, all, layout, promptRows: prompts, some: (first, count))["output"];
                for (int row = 0; row < rows; row++)
                {
                    Assert.Equal(whole.Row(row)[first..(first + count)], some.Row(row));
                }
            }
        }
    }
}
