using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>gated_mlp.</summary>
public abstract class GatedMlpTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => MlpCases.All();

    [Theory]
    [InlineData(DType.BF16, 33, 40, true)]
    [InlineData(DType.F32, 33, 40, true)]
    [InlineData(DType.BF16, 64, 17, false)]
    [InlineData(DType.F32, 31, 64, false)]
    public void A_row_has_the_same_bits_in_every_batch(DType type, int hidden, int width, bool shared) =>
        AssertRowsStandAlone((set, arena, rows) => MlpCases.Rows(set, arena, type, hidden, width, rows, shared));

    [Theory]
    [InlineData(DType.BF16, 33, 40, true)]
    [InlineData(DType.F32, 40, 33, false)]
    public void A_prompt_row_has_the_same_bits_in_every_batch(DType type, int hidden, int width, bool shared) => AssertRowsStandAlone(
        (set, arena, rows) => MlpCases.Rows(set, arena, type, hidden, width, rows, shared, promptRows: rows.Length));

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
            return MlpCases.Rows(Kernels, arena, DType.BF16, 33, 40, rows, promptRows: prompt);
        }
    }
}
