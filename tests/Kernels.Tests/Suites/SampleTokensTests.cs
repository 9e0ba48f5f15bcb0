namespace Lean.Kernels.Tests;

/// <summary>sample_tokens.</summary>
public abstract class SampleTokensTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    private const int Draws = 8000, EvenDraws = 2000;

    public static TheoryData<double, int, double, double> Settings => new()
    {
        { 1, 0, 1, 0 }, { 0.3, 0, 1, 0 }, { 2, 0, 1, 0 }, { 1, 7, 1, 0 }, { 1, 0, 0.8, 0 }, { 1, 0, 0.3, 0 }, { 1, 0, 1, 0.05 }, { 0.7, 20, 0.8, 0 },
        { 1.5, 25, 0.95, 0.1 }, { 1, 3, 0.99, 0.5 },
    };

    protected override IEnumerable<OpCase> Cases => SamplingCases.All();

    [Theory]
    [InlineData(33)]
    [InlineData(1000)]
    public void A_row_has_the_same_bits_in_every_batch(int width) =>
        AssertRowsStandAlone((set, arena, rows) => SamplingCases.Rows(set, arena, width, rows));

    [Theory]
    [MemberData(nameof(Settings))]
    public void Draws_are_distributed_as_defined(double temperature, int topK, double topP, double minP)
    {
        float[] logits = Numbers.Normal(90, 60, 2);
        var setting = new SamplingCases.Setting(temperature, topK, topP, minP);
        double[] shares = ExactShares.Of(logits, setting);
        int[] counts = Count(logits, setting, Draws, i => Philox.Draw(2026, i));

        // Chi-square: rare tokens are put together, so that each class expects five at least.
        double square = 0, rareShare = 0, rare = 0;
        int classes = 0;
        for (int i = 0; i < shares.Length; i++)
        {
            double expected = shares[i] * Draws;
            Assert.True(shares[i] > 0 || counts[i] == 0, $"token {i} was drawn {counts[i]} times and must not be");
            if (expected >= 5)
            {
                (square, classes) = (square + (Math.Pow(counts[i] - expected, 2) / expected), classes + 1);
            }
            else
            {
                (rareShare, rare) = (rareShare + expected, rare + counts[i]);
            }
        }

        if (rareShare >= 1)
        {
            (square, classes) = (square + (Math.Pow(rare - rareShare, 2) / rareShare), classes + 1);
        }

        // With n degrees of freedom the mean is n and the variance 2n: beyond four deviations and a little is no chance.
        int freedom = classes - 1;
        Assert.True(square <= freedom + (4 * Math.Sqrt(2 * freedom)) + 4, $"chi-square {square} with {freedom} degrees of freedom");
    }

    [Theory]
    [MemberData(nameof(Settings))]
    public void Evenly_spaced_draws_give_every_token_its_share(double temperature, int topK, double topP, double minP)
    {
        foreach (float[] logits in (float[][])[Numbers.Normal(91, 100, 2), [.. Numbers.Normal(92, 100).Select(x => MathF.Round(x))], [.. Enumerable.Repeat(3f, 100)]])
        {
            var setting = new SamplingCases.Setting(temperature, topK, topP, minP);
            double[] shares = ExactShares.Of(logits, setting);
            int[] counts = Count(logits, setting, EvenDraws, i => (ulong)((i + 0.5) / EvenDraws * Math.Pow(2, 64)));
            for (int i = 0; i < shares.Length; i++)
            {
                Assert.InRange(counts[i], (shares[i] * EvenDraws) - 1.01, (shares[i] * EvenDraws) + 1.01);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Settings))]
    public void A_draw_beside_a_boundary_gives_the_token_on_its_side(double temperature, int topK, double topP, double minP)
    {
        // Weights of f32 move a boundary by less than 1e-6.
        const double beside = 2e-6;
        float[] logits = Numbers.Normal(93, 100, 2);
        var setting = new SamplingCases.Setting(temperature, topK, topP, minP);
        double[] shares = ExactShares.Of(logits, setting);
        List<(double U, int Token)> expected = [];
        double sum = 0;
        for (int i = 0; i < shares.Length; i++)
        {
            if (shares[i] > 2 * beside)
            {
                expected.AddRange([(sum + beside, i), (sum + shares[i] - beside, i)]);
            }

            sum += shares[i];
        }

        Assert.True(expected.Count >= 2, "the setting leaves no token that is likely enough");
        int[] found = Draw(logits, setting, expected.Count, i => (ulong)(expected[i].U * Math.Pow(2, 64)));
        Assert.Equal(expected.Select(e => e.Token), found);
    }

    private static int[] Count(float[] logits, SamplingCases.Setting setting, int draws, Func<int, ulong> draw)
    {
        int[] counts = new int[logits.Length];
        foreach (int token in Draw(logits, setting, draws, draw))
        {
            counts[token]++;
        }

        return counts;
    }

    private static int[] Draw(float[] logits, SamplingCases.Setting setting, int draws, Func<int, ulong> draw)
    {
        using var arena = new Arena(Kernels);
        return SamplingCases.Draw(Kernels, arena, logits.Length, [.. Enumerable.Repeat(setting, draws)], _ => logits, draw)["tokens"].Bits;
    }
}
