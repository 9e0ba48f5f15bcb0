using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Formatting;

/// <summary>Python's % on strings.</summary>
internal sealed partial class PercentFormat(Rendering run, string format, object? values)
{
    private readonly object?[] _values = values is TupleValue tuple ? tuple.Items : [values];
    private readonly TextBuilder _output = new(run);
    private int _next;
    private bool _named;

    /// <summary>The format with its conversions replaced.</summary>
    public string Run()
    {
        for (int i = 0; i < format.Length;)
        {
            int mark = format.IndexOf('%', i);
            _output.Append(format[i..(mark < 0 ? format.Length : mark)]);
            if (mark < 0)
            {
                break;
            }

            Match match = Conversion().Match(format, mark);
            if (!match.Success)
            {
                throw Fault.Value("incomplete format");
            }

            _output.Append(Convert(match));
            i = mark + match.Length;
        }

        return _next < _values.Length && !_named && values is not (DictValue or ListValue or Undefined)
            ? throw Fault.Type("not all arguments converted during string formatting")
            : _output.ToString();
    }

    private string Convert(Match match)
    {
        string flags = match.Groups["flags"].Value;
        char type = match.Groups["type"].Value[0];
        object? named = Missing.Value;
        if (match.Groups["key"].Success)
        {
            _named = true;
            named = values is DictValue dict
                ? dict.TryGet(match.Groups["key"].Value, out object? found) ? found : throw Fault.Of("KeyError", Quoting.Quote(match.Groups["key"].Value))
                : throw Fault.Type("format requires a mapping");
        }

        int width = Size(match.Groups["width"]);
        int? precision = match.Groups["dot"].Success ? Size(match.Groups["precision"]) : null;
        if (type == '%')
        {
            return "%";
        }

        object? value = Missing.Is(named) ? Take() : named;
        bool left = flags.Contains('-', StringComparison.Ordinal) || width < 0;
        bool zero = flags.Contains('0', StringComparison.Ordinal) && !left && type is not ('s' or 'r' or 'a' or 'c');
        var spec = new FormatSpec
        {
            Width = int.Abs(width),
            Precision = precision,
            Align = left ? '<' : zero ? '=' : '>',
            Fill = zero ? '0' : ' ',
            Sign = flags.Contains('+', StringComparison.Ordinal) ? '+' : flags.Contains(' ', StringComparison.Ordinal) ? ' ' : '-',
            Alternate = flags.Contains('#', StringComparison.Ordinal),
        };
        return Format(spec, type, value);
    }

    private string Format(FormatSpec spec, char type, object? value)
    {
        switch (type)
        {
            case 's':
                return (spec with { Type = 's' }).Format(run, Printing.Str(run, value));
            case 'r' or 'a':
                return (spec with { Type = 's' }).Format(run, Printing.Repr(run, value));
            case 'c':
                return (spec with { Type = 's' }).Format(run, Character(value));
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o':
                if (!Types.TryNumber(value, out _) || (type is 'x' or 'X' or 'o' && value is double))
                {
                    throw Fault.Type(type is 'x' or 'X' or 'o'
                        ? $"%{type} format: an integer is required, not {Types.Name(value)}"
                        : $"%{type} format: a real number is required, not {Types.Name(value)}");
                }

                BigInteger number = Arithmetic.ToInteger(value);
                int least = spec.Precision ?? 0;
                FormatSpec whole = spec with { Precision = null, Type = type is 'i' or 'u' ? 'd' : type };
                if (least == 0)
                {
                    return whole.Format(run, number);
                }

                Rendering.Room(least);
                string digits = (whole with { Width = 0 }).Format(run, number);
                int sign = digits[0] is '-' or '+' or ' ' ? 1 : 0;
                return whole.Pad(digits[..sign] + digits[sign..].PadLeft(least, '0'), '>');
            default:
                return Types.TryNumber(value, out _)
                    ? (spec with { Type = type }).Format(run, Arithmetic.ToFloat(value))
                    : throw Fault.Type($"must be real number, not {Types.Name(value)}");
        }
    }

    private static string Character(object? value) =>
        Types.TryText(value, out string text) && Texts.Length(text) == 1 ? text
        : Types.TryInteger(value, out BigInteger point) && point >= 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)
            ? char.ConvertFromUtf32((int)point)
        : throw Fault.Type("%c requires int or char");

    private object? Take() =>
        _next < _values.Length ? _values[_next++] : throw Fault.Type("not enough arguments for format string");

    private int Size(Group group) => group.Value switch
    {
        "" => 0,
        "*" => Types.TryInteger(Take(), out BigInteger size) && BigInteger.Abs(size) <= Limits.Text ? (int)size : throw Fault.Type("* wants int"),
        _ => int.TryParse(group.ValueSpan, CultureInfo.InvariantCulture, out int number) ? number : throw Fault.Value("width too big"),
    };

    [GeneratedRegex(@"\G%(?:\((?<key>[^)]*)\))?(?<flags>[-+ #0]*)(?<width>\*|[0-9]*)(?:(?<dot>\.)(?<precision>\*|[0-9]*))?[hlL]?(?<type>[diouxXeEfFgGcrsa%])")]
    private static partial Regex Conversion();
}
