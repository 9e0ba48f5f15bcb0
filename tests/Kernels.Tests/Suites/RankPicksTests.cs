namespace Lean.Kernels.Tests;

/// <summary>pack_picks and merge_picks.</summary>
public abstract class RankPicksTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => RankPickCases.All();

    // Whoever has all logits and whoever has parts of them choose the same tokens.
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void Ranks_choose_what_one_with_all_logits_chooses(int ranks)
    {
        foreach (bool ties in (bool[])[false, true])
        {
            KernelSet kernels = Kernels;
            using Arena arena = new(kernels), whole = new(kernels);
            float[] logits = RankPickCases.Logits(17, 97, ties);
            Outputs together = GreedyCases.Pick(kernels, whole, logits, 97);
            Outputs divided = RankPickCases.Divided(kernels, arena, logits, 97, ranks);
            Assert.Null(Compare.Close(together, divided, new Tolerance(2e-6, 2e-6)));
        }
    }
}
