using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>grouped_experts.</summary>
public abstract class GroupedExpertsTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => ExpertCases.Grouped();

    [Theory]
    [InlineData(DType.BF16, 33, 24, 5, 2)]
    [InlineData(DType.F32, 33, 24, 5, 2)]
    [InlineData(DType.BF16, 32, 16, 40, 5)]
    [InlineData(DType.F32, 16, 17, 3, 3)]
    [InlineData(DType.BF16, 24, 31, 1, 1)]
    public void A_row_has_the_same_bits_in_every_batch(DType type, int hidden, int width, int experts, int topK) =>
        AssertRowsStandAlone((set, arena, rows) => ExpertCases.GroupedRows(set, arena, type, hidden, width, experts, topK, rows));

    [Theory]
    [InlineData(DType.BF16, 33, 40, 5, 2)]
    [InlineData(DType.F32, 40, 33, 9, 3)]
    [InlineData(DType.F32, 16, 24, 1, 1)]
    public void A_prompt_row_has_the_same_bits_in_every_batch(DType type, int hidden, int width, int experts, int topK) => AssertRowsStandAlone(
        (set, arena, rows) => ExpertCases.GroupedRows(set, arena, type, hidden, width, experts, topK, rows, promptRows: rows.Length));

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
            return ExpertCases.GroupedRows(Kernels, arena, DType.BF16, 33, 40, 5, 2, rows, prompt);
        }
    }
}
