using System.Globalization;
using Lean.Engine.Grammars.Patterns;
using Lean.Engine.Grammars.Schemas;

namespace Lean.Engine.Tests.Grammars;

/// <summary>Ranges and multiples of numbers, beside decimal arithmetic.</summary>
public sealed class NumberTests
{
    private static readonly string[] Bounds = ["0", "1", "9", "10", "99.5", "100", "0.05", "-0.5", "-1", "-99", "-100.25", "12345.678", "1e2", "25e-1", "-0"];

    [Fact]
    public void Bounds_are_exact()
    {
        var random = new Random(11);
        foreach (string bound in Bounds)
        {
            decimal limit = decimal.Parse(bound, NumberStyles.Float, CultureInfo.InvariantCulture);
            ExactDecimal exact = ExactDecimal.Parse(bound)!.Value;
            foreach (bool included in new[] { false, true })
            {
                CharDfa least = CharDfaBuilder.Build(NumberPatterns.AtLeast(exact, included), new WorkBudget());
                CharDfa most = CharDfaBuilder.Build(NumberPatterns.AtMost(exact, included), new WorkBudget());
                foreach (string text in Near(random, limit))
                {
                    decimal value = decimal.Parse(text, CultureInfo.InvariantCulture);
                    Assert.True(least.Matches(text) == (included ? value >= limit : value > limit), $"{text} from {bound}, {included}");
                    Assert.True(most.Matches(text) == (included ? value <= limit : value < limit), $"{text} up to {bound}, {included}");
                }
            }
        }
    }

    [Theory]
    [InlineData("1")]
    [InlineData("7")]
    [InlineData("10")]
    [InlineData("0.01")]
    [InlineData("0.25")]
    [InlineData("1.5")]
    public void Multiples_are_exact(string step)
    {
        decimal unit = decimal.Parse(step, CultureInfo.InvariantCulture);
        CharDfa found = NumberPatterns.MultiplesOf(ExactDecimal.Parse(step)!.Value);
        var random = new Random(12);
        for (int i = 0; i < 3000; i++)
        {
            decimal value = random.Next(-3000, 3000) / 100m;
            string text = value.ToString("0.##", CultureInfo.InvariantCulture);

            // More digits behind the point than the step has are not written, even where they are zeros.
            Assert.True(found.Matches(text) == (value % unit == 0), $"{text} by {step}");
        }
    }

    [Theory]
    [InlineData("0", "0")]
    [InlineData("-0.0", "0")]
    [InlineData("1200e-2", "12")]
    [InlineData("1.50", "1.5")]
    [InlineData("-5E3", "-5000")]
    [InlineData("0.001e1", "0.01")]
    public void Digits_are_read_exactly(string text, string expected) => Assert.Equal(expected, ExactDecimal.Parse(text)!.Value.ToString());

    [Theory]
    [InlineData("1e999999999999")]
    [InlineData("1e5000")]
    [InlineData("1e-5000")]
    public void Absurd_numbers_are_none(string text) => Assert.Null(ExactDecimal.Parse(text));

    private static IEnumerable<string> Near(Random random, decimal limit)
    {
        for (int i = 0; i < 60; i++)
        {
            decimal distance = i % 4 == 0 ? 0 : random.Next(-2000, 2000) / (decimal)Math.Pow(10, random.Next(5));
            decimal value = limit + distance;
            yield return value.ToString("0.########", CultureInfo.InvariantCulture);
            yield return value.ToString("0.00", CultureInfo.InvariantCulture);
        }
    }
}
