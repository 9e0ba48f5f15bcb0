using Lean.Engine.Grammars.Patterns;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>
/// Which texts are numbers of a range. Bounds are compared digit by digit, so they are exact. Numbers have at most 18 digits
/// before the point and 17 behind it, and a bounded one has no exponent.
/// </summary>
internal static class NumberPatterns
{
    private const int MostResidues = 4000;
    private const string Whole = "(0|[1-9]\\d{0,17})";

    private static readonly PatternNode Digit = new PatternSet(CodePointSet.Digits);
    private static readonly PatternNode Digits = new PatternRepeat(Digit, 0, null);
    private static readonly PatternNode Point = PatternNode.Literal(".");
    private static readonly PatternNode Minus = PatternNode.Literal("-");
    private static readonly PatternNode Never = new PatternChoice([]);
    private static readonly PatternNode AnyFraction = PatternNode.Either(PatternNode.Empty, PatternNode.Sequence(Point, Digit, Digits));
    private static readonly PatternNode AnyPositive = PatternNode.Sequence(PatternParser.Whole("0|[1-9]\\d*"), AnyFraction);

    /// <summary>Any integer.</summary>
    public static PatternNode Integer { get; } = PatternParser.Whole("0|-?[1-9]\\d{0,17}");

    /// <summary>Any number without an exponent.</summary>
    public static PatternNode Plain { get; } = PatternParser.Whole($"-?{Whole}(\\.\\d{{1,17}})?");

    /// <summary>Any number.</summary>
    public static PatternNode Number { get; } = PatternParser.Whole($"-?{Whole}(\\.\\d{{1,17}})?([eE][+-]?\\d)?");

    /// <summary>Numbers from a bound on.</summary>
    /// <param name="bound">The bound.</param>
    /// <param name="included">Whether it is one of them.</param>
    public static PatternNode AtLeast(ExactDecimal bound, bool included) => bound.IsNegative
        ? PatternNode.Either(AnyPositive, PatternNode.Sequence(Minus, UpTo(bound, included)))
        : From(bound, included);

    /// <summary>Numbers up to a bound.</summary>
    /// <inheritdoc cref="AtLeast"/>
    public static PatternNode AtMost(ExactDecimal bound, bool included) => bound.IsNegative
        ? PatternNode.Sequence(Minus, From(bound, included))
        : PatternNode.Either(PatternNode.Sequence(Minus, bound.IsZero && !included ? From(bound, included) : AnyPositive), UpTo(bound, included));

    /// <summary>Multiples of a number, by the remainder of the digits read so far.</summary>
    /// <exception cref="PatternException">It has too many digits.</exception>
    public static CharDfa MultiplesOf(ExactDecimal step)
    {
        int places = step.Fraction.Length;
        if (step.IsZero || step.IsNegative || !int.TryParse(step.Whole + step.Fraction, out int modulus) || (long)modulus * (places + 2) > MostResidues)
        {
            throw new PatternException($"multipleOf {step} is not supported: expected a positive number of few digits");
        }

        // States: 0 the start, 1 behind a minus, then remainders before the point, behind it, and after each place.
        int State(int place, int remainder) => 2 + (place * modulus) + remainder;
        var edges = new List<List<CharDfa.Edge>>();
        var accepts = new List<bool>();
        for (int s = 0; s < 2 + ((places + 2) * modulus); s++)
        {
            edges.Add([]);
            int place = (s - 2) / modulus, remainder = (s - 2) % modulus;
            bool afterPoint = s >= 2 && place == 1, open = s < 2 || place == 0 || place < places + 1;
            int read = int.Max(0, place - 1);
            long rest = s < 2 ? 1 : remainder;
            for (int missing = places - read; missing > 0; missing--)
            {
                rest = rest * 10 % modulus;
            }

            accepts.Add(s >= 2 && !afterPoint && rest % modulus == 0);
            if (open)
            {
                int to = s < 2 || place == 0 ? 0 : place + 1;
                for (int d = 0; d <= 9; d++)
                {
                    edges[s].Add(new CharDfa.Edge('0' + d, '0' + d, State(to, (int)((((s < 2 ? 0 : remainder) * 10L) + d) % modulus))));
                }
            }

            if (s >= 2 && place == 0 && places > 0)
            {
                edges[s].Add(new CharDfa.Edge('.', '.', State(1, remainder)));
            }

            if (s == 0)
            {
                edges[s].Add(new CharDfa.Edge('-', '-', 1));
            }
        }

        return new CharDfa(edges, accepts);
    }

    // Numbers without a sign, from a bound on.
    private static PatternNode From(ExactDecimal bound, bool included) => PatternNode.Either(
        PatternNode.Sequence(Larger(bound.Whole), AnyFraction),
        PatternNode.Sequence(PatternNode.Literal(bound.Whole), FractionFrom(bound.Fraction, included)));

    // Numbers without a sign, up to a bound.
    private static PatternNode UpTo(ExactDecimal bound, bool included) => PatternNode.Either(
        PatternNode.Sequence(Smaller(bound.Whole), AnyFraction),
        PatternNode.Sequence(PatternNode.Literal(bound.Whole), FractionUpTo(bound.Fraction, included)));

    private static PatternChoice Larger(string digits)
    {
        var options = new List<PatternNode>
        {
            PatternNode.Sequence(Range('1', '9'), new PatternRepeat(Digit, digits.Length, null)),
        };
        for (int i = 0; i < digits.Length; i++)
        {
            options.Add(Differs(digits, i, (char)(digits[i] + 1), '9'));
        }

        return new PatternChoice(options);
    }

    private static PatternChoice Smaller(string digits)
    {
        var options = new List<PatternNode>();
        if (digits.Length > 1)
        {
            options.Add(PatternNode.Literal("0"));
            options.Add(PatternNode.Sequence(Range('1', '9'), new PatternRepeat(Digit, 0, digits.Length - 2)));
        }

        for (int i = 0; i < digits.Length; i++)
        {
            options.Add(Differs(digits, i, i == 0 && digits.Length > 1 ? '1' : '0', (char)(digits[i] - 1)));
        }

        return new PatternChoice(options);
    }

    // Equal up to a place, within a range there, anything after it.
    private static PatternNode Differs(string digits, int at, char first, char last) => PatternNode.Sequence(
        PatternNode.Literal(digits[..at]), Range(first, last), new PatternRepeat(Digit, digits.Length - at - 1, digits.Length - at - 1));

    private static PatternNode FractionFrom(string digits, bool included)
    {
        if (digits.Length == 0)
        {
            return included ? AnyFraction : PatternNode.Sequence(Point, Digits, Range('1', '9'), Digits);
        }

        var options = new List<PatternNode> { PatternNode.Sequence(PatternNode.Literal(digits), included ? Digits : PatternNode.Sequence(Digits, Range('1', '9'), Digits)) };
        for (int i = 0; i < digits.Length; i++)
        {
            options.Add(PatternNode.Sequence(PatternNode.Literal(digits[..i]), Range((char)(digits[i] + 1), '9'), Digits));
        }

        return PatternNode.Sequence(Point, new PatternChoice(options));
    }

    private static PatternNode FractionUpTo(string digits, bool included)
    {
        var zeros = new PatternRepeat(PatternNode.Literal("0"), 0, null);
        if (digits.Length == 0)
        {
            return included ? PatternNode.Either(PatternNode.Empty, PatternNode.Sequence(Point, PatternNode.Literal("0"), zeros)) : Never;
        }

        var options = new List<PatternNode>();
        if (included)
        {
            options.Add(PatternNode.Sequence(PatternNode.Literal(digits), zeros));
        }

        for (int i = 0; i < digits.Length; i++)
        {
            options.Add(PatternNode.Sequence(PatternNode.Literal(digits[..i]), Range('0', (char)(digits[i] - 1)), Digits));
            if (i > 0)
            {
                options.Add(PatternNode.Literal(digits[..i]));
            }
        }

        return PatternNode.Either(PatternNode.Empty, PatternNode.Sequence(Point, new PatternChoice(options)));
    }

    private static PatternNode Range(char first, char last) =>
        first > last ? Never : new PatternSet(new CodePointSet([new CodePointRange(first, last)]));
}
