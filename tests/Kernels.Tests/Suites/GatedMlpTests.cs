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
}
