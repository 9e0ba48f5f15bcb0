using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>linear.</summary>
public abstract class LinearTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => LinearCases.All();

    [Theory]
    [InlineData(DType.BF16, 100, 33, LinearCases.WeightLayout.Whole)]
    [InlineData(DType.F32, 100, 33, LinearCases.WeightLayout.Whole)]
    [InlineData(DType.BF16, 129, 82, LinearCases.WeightLayout.Apart)]
    [InlineData(DType.F32, 31, 82, LinearCases.WeightLayout.Apart)]
    [InlineData(DType.BF16, 64, 31, LinearCases.WeightLayout.Interleaved)]
    [InlineData(DType.F32, 257, 31, LinearCases.WeightLayout.Interleaved)]
    public void A_row_has_the_same_bits_in_every_batch(DType type, int inputs, int outputs, LinearCases.WeightLayout layout) =>
        AssertRowsStandAlone((set, arena, rows) => LinearCases.Rows(set, arena, type, inputs, outputs, rows, layout));
}
