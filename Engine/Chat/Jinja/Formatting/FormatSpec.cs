using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Formatting;

/// <summary>How str.format and % lay out one value: fill, alignment, sign, width, grouping, precision, type.</summary>
internal sealed partial record FormatSpec
{
    public char Fill { get; init; } = ' ';

    public char? Align { get; init; }

    public char Sign { get; init; } = '-';

    public bool Alternate { get; init; }

    public int Width { get; init; }

    public string Grouping { get; init; } = "";

    public int? Precision { get; init; }

    public char? Type { get; init; }

    /// <summary>Reads what stands after the colon of a replacement field.</summary>
    public static FormatSpec Parse(string text, object? value)
    {
        Match match = Pattern().Match(text);
        if (!match.Success)
        {
            throw Fault.Value($"Invalid format specifier '{text}' for object of type '{Types.Name(value)}'");
        }

        string align = match.Groups["align"].Value, type = match.Groups["type"].Value;
        bool zero = match.Groups["zero"].Length > 0;
        Group fill = match.Groups["fill"];
        return new FormatSpec
        {
            Fill = fill.Length == 1 ? fill.Value[0] : zero ? '0' : ' ',
            Align = align.Length > 0 ? align[0] : zero && !Types.TryText(value, out _) ? '=' : null,
            Sign = match.Groups["sign"].Length > 0 ? match.Groups["sign"].Value[0] : '-',
            Alternate = match.Groups["alternate"].Length > 0,
            Width = Number(match.Groups["width"]),
            Grouping = match.Groups["grouping"].Value,
            Precision = match.Groups["precision"].Success ? Number(match.Groups["precision"]) : null,
            Type = type.Length > 0 ? type[0] : null,
        };
    }

    /// <summary>Lays out a value.</summary>
    public string Format(Rendering run, object? value)
    {
        Rendering.Room((long)Width + (Precision ?? 0));
        run.Charge((Width + (Precision ?? 0)) / 8);
        return value switch
        {
            string text => FormatText(text),
            Markup markup => FormatText(markup.Text),
            bool when Type is null => FormatText(Printing.Short(value)),
            double number => FormatFloat(number),
            bool or BigInteger when Type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%' => FormatFloat(Arithmetic.ToFloat(value)),
            bool or BigInteger => FormatInteger(Types.TryInteger(value, out BigInteger number) ? number : default),
            _ => throw Fault.Type($"unsupported format string passed to {Types.Name(value)}.__format__"),
        };
    }

    /// <summary>Pads a text that has its sign in front.</summary>
    public string Pad(string text, char byDefault)
    {
        int length = Texts.Length(text);
        if (length >= Width)
        {
            return text;
        }

        int room = Width - length;
        switch (Align ?? byDefault)
        {
            case '<':
                return text + new string(Fill, room);
            case '^':
                return new string(Fill, room / 2) + text + new string(Fill, room - (room / 2));
            case '=':
                int sign = text.Length > 0 && text[0] is '-' or '+' or ' ' ? 1 : 0;
                int prefix = text.Length > sign + 1 && text[sign] == '0' && text[sign + 1] is 'x' or 'X' or 'o' or 'b' ? 2 : 0;
                return text[..(sign + prefix)] + new string(Fill, room) + text[(sign + prefix)..];
            default:
                return new string(Fill, room) + text;
        }
    }

    private static int Number(Group digits) =>
        digits.Length == 0 ? 0 : int.TryParse(digits.ValueSpan, CultureInfo.InvariantCulture, out int number) ? number : throw Fault.Value("Too many decimal digits in format string");

    private string FormatText(string text)
    {
        if (Type is not (null or 's'))
        {
            throw Unknown("str");
        }

        return Pad(Precision is { } most && Texts.Length(text) > most ? Texts.Slice(text, 0, most) : text, '<');
    }

    private string FormatInteger(BigInteger number)
    {
        BigInteger magnitude = BigInteger.Abs(number);
        string digits = Type switch
        {
            null or 'd' or 'n' => magnitude.ToString(CultureInfo.InvariantCulture),
            'x' => Prefix("0x") + Hexadecimal(magnitude),
            'X' => Prefix("0X") + Hexadecimal(magnitude).ToUpperInvariant(),
            'o' => Prefix("0o") + Octal(magnitude),
            'b' => Prefix("0b") + magnitude.ToString("B", CultureInfo.InvariantCulture).TrimStart('0').PadLeft(1, '0'),
            'c' => number >= 0 && number <= 0x10ffff && (number < 0xd800 || number > 0xdfff) ? char.ConvertFromUtf32((int)number) : throw Fault.Overflow("%c arg not in range(0x110000)"),
            _ => throw Unknown("int"),
        };
        return Pad(Signed(Group(digits), number.Sign < 0), '>');
    }

    private string FormatFloat(double number)
    {
        double magnitude = double.Abs(number);
        bool lower = Type is null || char.IsLower(Type.Value);
        string text;
        if (!double.IsFinite(number))
        {
            text = double.IsNaN(number) ? "nan" : "inf";
            text += Type == '%' ? "%" : "";
        }
        else
        {
            text = Type switch
            {
                null when Precision is null => FloatText.Repr(magnitude),
                null => WithPoint(ExactDecimal.General(magnitude, Precision ?? 0, keepZeros: false)),
                'f' or 'F' => ExactDecimal.Fixed(magnitude, Precision ?? 6),
                'e' or 'E' => ExactDecimal.Scientific(magnitude, Precision ?? 6),
                'g' or 'G' or 'n' => ExactDecimal.General(magnitude, Precision ?? 6, Alternate),
                '%' => ExactDecimal.Fixed(magnitude * 100, Precision ?? 6) + "%",
                _ => throw Unknown("float"),
            };
        }

        text = Signed(Group(lower || Type == '%' ? text : text.ToUpperInvariant()), double.IsNegative(number) && !double.IsNaN(number));
        return Pad(text, '>');
    }

    private static string WithPoint(string text) => text.AsSpan().IndexOfAny('.', 'e') < 0 ? text + ".0" : text;

    private string Prefix(string prefix) => Alternate ? prefix : "";

    private string Signed(string text, bool negative) => negative ? "-" + text : Sign == '-' ? text : Sign + text;

    private string Group(string text)
    {
        if (Grouping.Length == 0)
        {
            return text;
        }

        int end = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        end = end < 0 ? text.Length : end;
        string whole = text[..end];
        for (int i = end - 3; i > 0; i -= 3)
        {
            whole = whole.Insert(i, Grouping);
        }

        return whole + text[end..];
    }

    private static string Hexadecimal(BigInteger magnitude) => magnitude.ToString("x", CultureInfo.InvariantCulture).TrimStart('0').PadLeft(1, '0');

    private static string Octal(BigInteger magnitude)
    {
        string bits = magnitude.ToString("B", CultureInfo.InvariantCulture).TrimStart('0');
        bits = bits.PadLeft((bits.Length + 2) / 3 * 3, '0');
        return bits.Length == 0 ? "0" : string.Concat(Enumerable.Range(0, bits.Length / 3).Select(i =>
            (char)('0' + ((bits[3 * i] - '0') * 4) + ((bits[(3 * i) + 1] - '0') * 2) + bits[(3 * i) + 2] - '0')));
    }

    private Lean.Tensors.InputException Unknown(string type) => Fault.Value($"Unknown format code '{Type}' for object of type '{type}'");

    [GeneratedRegex(@"^(?:(?<fill>[\s\S])?(?<align>[<>=^]))?(?<sign>[-+ ])?z?(?<alternate>#)?(?<zero>0)?(?<width>[0-9]*)(?<grouping>[,_])?(?:\.(?<precision>[0-9]+))?(?<type>[A-Za-z%])?\z")]
    private static partial Regex Pattern();
}
