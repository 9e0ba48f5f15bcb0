using System.Globalization;
using Lean.Tensors;

namespace Lean.Engine.Bench.Serve;

/// <summary>How many tokens prompts or answers have: always as many, any number of a range, or log-normal about a median.</summary>
/// <param name="Least">The fewest.</param>
/// <param name="Most">The most.</param>
/// <param name="Median">The median of a log-normal one, or null for a uniform one.</param>
internal sealed record LengthDistribution(int Least, int Most, int? Median)
{
    private const int Longest = 1 << 20;

    // Lengths of real requests scatter about so much: a third of them is off by a factor of two or more.
    private const double Sigma = 0.7;
    private const int Tail = 8;

    /// <summary>Reads <c>128</c>, <c>32..256</c> or <c>~128</c>.</summary>
    /// <exception cref="InputException">It is none of them.</exception>
    public static LengthDistribution Parse(string option, string text)
    {
        string[] ends = text.Split("..");
        if (text.StartsWith('~') && Number(text[1..]) is { } median)
        {
            return new LengthDistribution(1, (int)long.Min((long)median * Tail, Longest), median);
        }

        return ends.Length <= 2 && Number(ends[0]) is { } least && Number(ends[^1]) is { } most && least <= most
            ? new LengthDistribution(least, most, null)
            : throw new InputException($"{option} is '{text}', expected tokens such as 128, a range such as 32..256, or a median such as ~128");
    }

    /// <summary>Draws a length.</summary>
    public int Draw(Random random)
    {
        if (Median is not { } median)
        {
            return random.Next(Least, Most + 1);
        }

        double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return (int)double.Clamp(Math.Round(median * Math.Exp(Sigma * normal)), Least, Most);
    }

    public override string ToString() => Median is { } median ? $"~{median}" : Least == Most ? $"{Least}" : $"{Least}..{Most}";

    private static int? Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is >= 1 and <= Longest ? number : null;
}
