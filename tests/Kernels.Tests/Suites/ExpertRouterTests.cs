namespace Lean.Kernels.Tests;

/// <summary>expert_router.</summary>
public abstract class ExpertRouterTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => ExpertCases.Router();

    [Theory]
    [InlineData(37, 5, true)]
    [InlineData(256, 8, true)]
    [InlineData(64, 10, false)]
    public void A_row_has_the_same_bits_in_every_batch(int experts, int topK, bool renormalise) =>
        AssertRowsStandAlone((set, arena, rows) => ExpertCases.RouterRows(set, arena, experts, topK, renormalise, rows));
}
