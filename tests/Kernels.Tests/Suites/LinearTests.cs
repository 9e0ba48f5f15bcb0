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
}
