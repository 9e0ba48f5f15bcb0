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
}
