using System.Globalization;

namespace Lean.Engine.Chat.Jinja.Formatting;

/// <summary>Floats as Python's repr writes them: the shortest digits that read back as the same number.</summary>
internal static class FloatText
{
    private const int LeastPoint = -3;
    private const int MostPoint = 16;

    public static string Repr(double number)
    {
        if (!double.IsFinite(number))
        {
            return double.IsNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
        }

        (string sign, string digits, int point) = Parts(number.ToString("R", CultureInfo.InvariantCulture));
        return sign + (point is >= LeastPoint and <= MostPoint ? Fixed(digits, point) : Scientific(digits, point - 1));
    }

    /// <summary>Digits with the decimal point after <paramref name="point"/> of them.</summary>
    public static string Fixed(string digits, int point) =>
        point <= 0 ? $"0.{new string('0', -point)}{digits}"
        : point >= digits.Length ? $"{digits}{new string('0', point - digits.Length)}.0"
        : $"{digits[..point]}.{digits[point..]}";

    private static string Scientific(string digits, int exponent)
    {
        string mantissa = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
        return $"{mantissa}e{(exponent < 0 ? '-' : '+')}{int.Abs(exponent):00}";
    }

    // The sign, the digits without zeros around them, and how many of them stand before the point.
    private static (string Sign, string Digits, int Point) Parts(string text)
    {
        string sign = text[0] == '-' ? "-" : "";
        int e = text.IndexOf('E', StringComparison.Ordinal);
        string mantissa = text[sign.Length..(e < 0 ? text.Length : e)];
        int exponent = e < 0 ? 0 : int.Parse(text.AsSpan(e + 1), CultureInfo.InvariantCulture);
        int dot = mantissa.IndexOf('.', StringComparison.Ordinal);
        string digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        int point = (dot < 0 ? mantissa.Length : dot) + exponent;
        string led = digits.TrimStart('0');
        if (led.Length == 0)
        {
            return (sign, "0", 1);
        }

        point -= digits.Length - led.Length;
        return (sign, led.TrimEnd('0'), point);
    }
}
