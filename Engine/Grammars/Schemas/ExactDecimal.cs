using System.Globalization;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>A decimal number by its digits, as a schema writes it: exact whatever its size.</summary>
/// <param name="IsNegative">Whether it is below zero.</param>
/// <param name="Whole">The digits before the point, without zeros in front; "0" for none.</param>
/// <param name="Fraction">The digits behind it, without zeros at the end.</param>
internal readonly record struct ExactDecimal(bool IsNegative, string Whole, string Fraction)
{
    private const int MostDigits = 400;

    /// <summary>Whether it is zero.</summary>
    public bool IsZero => Whole == "0" && Fraction.Length == 0;

    /// <summary>Reads a JSON number.</summary>
    /// <returns>Null where it has more digits than any number that is meant.</returns>
    public static ExactDecimal? Parse(string text)
    {
        bool negative = text[0] == '-';
        int exponentAt = text.AsSpan().IndexOfAny('e', 'E');
        string mantissa = (exponentAt < 0 ? text : text[..exponentAt]).TrimStart('-');
        int exponent = 0;
        if (exponentAt >= 0 && !int.TryParse(text.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent))
        {
            return null;
        }

        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        string digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        long before = (point < 0 ? mantissa.Length : point) + (long)exponent;
        if (digits.Length > MostDigits || before is > MostDigits or < -MostDigits)
        {
            return null;
        }

        if (before < 0)
        {
            (digits, before) = (new string('0', (int)-before) + digits, 0);
        }

        digits = digits.PadRight((int)before, '0');
        string whole = digits[..(int)before].TrimStart('0'), fraction = digits[(int)before..].TrimEnd('0');
        var value = new ExactDecimal(negative, whole.Length == 0 ? "0" : whole, fraction);
        return value.IsZero ? value with { IsNegative = false } : value;
    }

    /// <summary>Without its sign.</summary>
    public ExactDecimal Absolute() => this with { IsNegative = false };

    public override string ToString() => $"{(IsNegative ? "-" : "")}{Whole}{(Fraction.Length == 0 ? "" : ".")}{Fraction}";
}
