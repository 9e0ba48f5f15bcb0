using System.Globalization;
using System.Numerics;
using Lean.Engine.Chat.Jinja.Operations;

namespace Lean.Engine.Chat.Jinja;

/// <summary>Numbers in text, as Python's int() and float() read them.</summary>
internal static class Numerals
{
    private const int MostDigits = 4300;

    /// <summary>A whole number of a template.</summary>
    public static object Literal(string text)
    {
        if (text.Length > MostDigits)
        {
            throw Fault.Limit("the template holds a whole number of more than 4,300 digits");
        }

        int radix = text.Length < 2 || text[0] != '0' ? 10 : text[1] switch { 'x' or 'X' => 16, 'o' or 'O' => 8, 'b' or 'B' => 2, _ => 10 };
        return radix == 10 ? BigInteger.Parse(text, CultureInfo.InvariantCulture) : Parse(text[2..], radix) ?? BigInteger.Zero;
    }

    /// <summary>A whole number, or null where the text is none.</summary>
    /// <param name="text">With white space around it, a sign, and underscores between digits if it likes.</param>
    /// <param name="radix">2 to 36, or 0 for what the text's prefix says.</param>
    public static BigInteger? Integer(string text, int radix)
    {
        string digits = Texts.Strip(text, left: true, right: true);
        bool minus = digits.StartsWith('-');
        digits = minus || digits.StartsWith('+') ? digits[1..] : digits;
        int prefixed = digits.Length < 3 || digits[0] != '0' ? 0 : digits[1] switch { 'x' or 'X' => 16, 'o' or 'O' => 8, 'b' or 'B' => 2, _ => 0 };
        if (prefixed != 0 && (radix == 0 || radix == prefixed))
        {
            digits = digits[2] == '_' ? digits[3..] : digits[2..];
            radix = prefixed;
        }
        else if (radix == 0)
        {
            radix = 10;
            if (digits.Length > 1 && digits[0] == '0' && digits.AsSpan().IndexOfAnyExcept("0_") >= 0)
            {
                return null;
            }
        }

        if (digits.Length == 0 || digits.Length > MostDigits || digits[0] == '_' || digits[^1] == '_' || digits.Contains("__", StringComparison.Ordinal))
        {
            return null;
        }

        BigInteger? number = Parse(digits.Replace("_", "", StringComparison.Ordinal), radix);
        return minus ? -number : number;
    }

    /// <summary>Digits of a radix as a number, or null where one is none.</summary>
    public static BigInteger? Parse(string digits, int radix)
    {
        if (radix == 10 && digits.All(char.IsAsciiDigit))
        {
            return BigInteger.Parse(digits, CultureInfo.InvariantCulture);
        }

        BigInteger number = 0;
        foreach (char c in digits)
        {
            int digit = char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? (c | 0x20) - 'a' + 10
                : System.Globalization.CharUnicodeInfo.GetDecimalDigitValue(c);
            if (digit < 0 || digit >= radix)
            {
                return null;
            }

            number = (number * radix) + digit;
        }

        return number;
    }

    /// <summary>A float, or null where the text is none.</summary>
    public static double? Float(string text)
    {
        string digits = Texts.Strip(text, left: true, right: true);
        bool minus = digits.StartsWith('-');
        string magnitude = minus || digits.StartsWith('+') ? digits[1..] : digits;
        switch (magnitude.ToUpperInvariant())
        {
            case "INF" or "INFINITY":
                return minus ? double.NegativeInfinity : double.PositiveInfinity;
            case "NAN":
                return double.NaN;
        }

        for (int i = magnitude.IndexOf('_', StringComparison.Ordinal); i >= 0; i = magnitude.IndexOf('_', i + 1))
        {
            if (i == 0 || i + 1 == magnitude.Length || !char.IsAsciiDigit(magnitude[i - 1]) || !char.IsAsciiDigit(magnitude[i + 1]))
            {
                return null;
            }
        }

        const NumberStyles Styles = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(magnitude.Replace("_", "", StringComparison.Ordinal), Styles, CultureInfo.InvariantCulture, out double number)
            ? (minus ? -number : number)
            : null;
    }
}
