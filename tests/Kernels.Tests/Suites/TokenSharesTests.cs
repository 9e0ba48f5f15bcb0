using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>token_bins, token_sums, draw_token.</summary>
public abstract class TokenSharesTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => TokenShareCases.All();

    [Theory]
    [InlineData(33)]
    [InlineData(1000)]
    public void A_row_has_the_same_bits_in_every_batch(int width) =>
        AssertRowsStandAlone((set, arena, rows) => TokenShareCases.Some(set, arena, width, rows));

    [Fact]
    public void Keys_are_in_the_order_of_floats()
    {
        float[] rising = [float.NegativeInfinity, float.MinValue, -1.5f, -1e-45f, 0, 1e-45f, 1.5f, float.MaxValue, float.PositiveInfinity];
        Assert.Equal(rising.Select(TokenShares.Key).Order(), rising.Select(TokenShares.Key));
        Assert.Equal(rising, rising.Select(x => TokenShares.OfKey(TokenShares.Key(x))));
        Assert.Equal(TokenShares.Key(0f), TokenShares.Key(-0f));
    }

    [Theory]
    [InlineData(0.7f, 0f)]
    [InlineData(2f, 0.05f)]
    public void Parts_add_up_to_the_whole(float temperature, float minP)
    {
        // Weights are whole numbers, so that no division of the vocabulary moves a boundary or a sum.
        const int width = 1000;
        float[] logits = [.. Numbers.Normal(5, width, 2).Select(x => MathF.Round(8 * x) / 8)];
        float maximum = logits.Max();
        (long Count, long Weight) Sum(int first, int count)
        {
            using var arena = new Arena(Kernels);
            Tensor sums = new(DType.I64, new Shape(1, 2), (arena.Output(DType.I32, new Shape(6)).Address + 7) / 8 * 8);
            Kernels.TokenShares.RunSums(
                arena.Input(logits[first..(first + count)], new Shape(1, count)), arena.Input([0], new Shape(1)), arena.Input([maximum, temperature], new Shape(1, 2)),
                arena.Input([1f, minP], new Shape(1, 2)), width, sums);
            return (sums.AsSpan<long>()[0], sums.AsSpan<long>()[1]);
        }

        (long ties, long above) = Sum(0, width);
        Assert.Equal(logits.Count(static x => x == 1), ties);
        double expected = logits.Where(static x => x > 1).Sum(x => TokenShares.Weight(x, maximum, temperature, minP, width));
        Assert.InRange(above, expected * (1 - 1e-6), expected * (1 + 1e-6));
        foreach (int cut in (int[])[1, 7, 333, 500, 999])
        {
            (long firstTies, long firstAbove) = Sum(0, cut);
            (long lastTies, long lastAbove) = Sum(cut, width - cut);
            Assert.Equal((ties, above), (firstTies + lastTies, firstAbove + lastAbove));
        }
    }
}
