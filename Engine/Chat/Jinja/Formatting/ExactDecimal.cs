using System.Globalization;
using System.Numerics;

namespace Lean.Engine.Chat.Jinja.Formatting;

/// <summary>A float's exact decimal digits, rounded half to even, as Python rounds and formats.</summary>
/// <param name="Digits">All digits; no zeros in front.</param>
/// <param name="Point">How many of them stand before the decimal point; negative for zeros after it.</param>
internal readonly record struct ExactDecimal(string Digits, int Point)
{
    /// <summary>The digits of a finite number's magnitude.</summary>
    public static ExactDecimal Of(double number)
    {
        long bits = BitConverter.DoubleToInt64Bits(number);
        int exponent = (int)((bits >> 52) & 0x7ff);
        BigInteger mantissa = bits & 0xfffffffffffffL;
        if (exponent == 0)
        {
            exponent = 1;
        }
        else
        {
            mantissa += 1L << 52;
        }

        int power = exponent - 1075;
        string digits = (power >= 0 ? mantissa << power : mantissa * BigInteger.Pow(5, -power)).ToString(CultureInfo.InvariantCulture);
        return mantissa.IsZero ? new("0", 1) : new(digits, digits.Length - (power >= 0 ? 0 : -power));
    }

    /// <summary>These digits cut after some decimals.</summary>
    public ExactDecimal ToDecimals(int decimals) => ToDigits(Point + decimals);

    /// <summary>The first digits; zeros are added where there are fewer.</summary>
    public ExactDecimal ToDigits(int count)
    {
        if (count < 0)
        {
            return new("", Point - count);
        }

        if (count >= Digits.Length)
        {
            return new(Digits.PadRight(count, '0'), Point);
        }

        char first = Digits[count];
        bool rest = Digits.AsSpan(count + 1).IndexOfAnyExcept('0') >= 0;
        bool odd = count > 0 && (Digits[count - 1] - '0') % 2 == 1;
        bool up = first > '5' || (first == '5' && (rest || odd));
        if (!up)
        {
            return new(Digits[..count], Point);
        }

        char[] kept = Digits[..count].ToCharArray();
        int i = count - 1;
        for (; i >= 0 && kept[i] == '9'; i--)
        {
            kept[i] = '0';
        }

        if (i < 0)
        {
            return new("1" + new string(kept), Point + 1);
        }

        kept[i]++;
        return new(new string(kept), Point);
    }

    /// <summary>With a number of decimals, such as 3.14.</summary>
    public static string Fixed(double number, int decimals)
    {
        ExactDecimal exact = Of(number).ToDecimals(decimals);

        // Where rounding left no digit before the first decimal, zeros stand in.
        string digits = exact.Digits;
        int point = exact.Point;
        if (point <= 0)
        {
            digits = new string('0', 1 - point) + digits;
            point = 1;
        }

        digits = digits.PadRight(point + decimals, '0')[..(point + decimals)];
        return decimals == 0 ? digits : $"{digits[..point]}.{digits[point..]}";
    }

    /// <summary>With an exponent and a number of decimals, such as 3.14e+00.</summary>
    public static string Scientific(double number, int decimals)
    {
        ExactDecimal exact = Of(number).ToDigits(decimals + 1);
        string digits = exact.Digits[..(decimals + 1)];
        int exponent = number == 0 ? 0 : exact.Point - 1;
        return $"{digits[0]}{(decimals > 0 ? "." : "")}{digits[1..]}e{(exponent < 0 ? '-' : '+')}{int.Abs(exponent):00}";
    }

    /// <summary>With a number of digits in whichever of both forms is shorter, without zeros at the end.</summary>
    public static string General(double number, int count, bool keepZeros)
    {
        count = int.Max(count, 1);
        int exponent = number == 0 ? 0 : Of(number).ToDigits(count).Point - 1;
        if (exponent >= -4 && exponent < count)
        {
            string plain = Fixed(number, count - 1 - exponent);
            return keepZeros || !plain.Contains('.', StringComparison.Ordinal) ? plain : plain.TrimEnd('0').TrimEnd('.');
        }

        string text = Scientific(number, count - 1);
        int e = text.IndexOf('e', StringComparison.Ordinal);
        string mantissa = text[..e];
        return (keepZeros || !mantissa.Contains('.', StringComparison.Ordinal) ? mantissa : mantissa.TrimEnd('0').TrimEnd('.')) + text[e..];
    }

    /// <summary>A float rounded to decimals, or to tens where they are negative.</summary>
    public static double Round(double number, int decimals)
    {
        if (!double.IsFinite(number) || decimals > 400)
        {
            return number;
        }

        ExactDecimal exact = decimals < -400 ? new("", 0) : Of(number).ToDecimals(decimals);
        string digits = exact.Digits.Length == 0 ? "0" : exact.Digits;
        double magnitude = double.Parse($"{digits}e{exact.Point - exact.Digits.Length}", CultureInfo.InvariantCulture);
        return double.CopySign(magnitude, number);
    }
}
