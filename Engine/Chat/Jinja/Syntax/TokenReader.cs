using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Lean.Engine.Chat.Jinja.Syntax;

/// <summary>Reads one token inside a tag.</summary>
internal static partial class TokenReader
{
    private static readonly string[] s_operators =
    [
        "//", "**", "==", "!=", ">=", "<=",
        "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";",
    ];

    /// <summary>The token at a place that is no white space.</summary>
    public static Token Read(string source, int at, int line, out int next)
    {
        char c = source[at];
        if (char.IsAsciiDigit(c))
        {
            Match number = at > 0 && source[at - 1] == '.' ? Match.Empty : Float().Match(source, at);
            TokenKind kind = number.Success ? TokenKind.Float : TokenKind.Integer;
            number = number.Success ? number : Integer().Match(source, at);
            next = at + number.Length;
            return new Token(kind, number.Value.Replace("_", "", StringComparison.Ordinal), line);
        }

        Match name = Name().Match(source, at);
        if (name.Success)
        {
            next = at + name.Length;
            return new Token(TokenKind.Name, name.Value, line);
        }

        if (c is '"' or '\'')
        {
            int end = StringEnd(source, at);
            next = end + 1;
            return end < 0 ? throw Unexpected(source, at) : new Token(TokenKind.String, Unescape(source[(at + 1)..end]), line);
        }

        foreach (string symbol in s_operators)
        {
            if (string.CompareOrdinal(source, at, symbol, 0, symbol.Length) == 0)
            {
                next = at + symbol.Length;
                return new Token(TokenKind.Operator, symbol, line);
            }
        }

        throw Unexpected(source, at);
    }

    private static Lean.Tensors.InputException Unexpected(string source, int at) =>
        Fault.Syntax($"unexpected char {Formatting.Quoting.Quote(source.Substring(at, 1))} at {at}");

    private static int StringEnd(string source, int at)
    {
        for (int i = at + 1; i < source.Length; i++)
        {
            if (source[i] == source[at])
            {
                return i;
            }

            i += source[i] == '\\' ? 1 : 0;
        }

        return -1;
    }

    // The escapes of Python's strings; an unknown one stays as it is.
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        var output = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
            {
                output.Append(text[i]);
                continue;
            }

            char c = text[++i];
            switch (c)
            {
                case '\n':
                    break;
                case 'x' or 'u' or 'U':
                    i += Hexadecimal(output, text.AsSpan(i + 1), c switch { 'x' => 2, 'u' => 4, _ => 8 });
                    break;
                case >= '0' and <= '7':
                    int value = 0, digits = 0;
                    for (; digits < 3 && i + digits < text.Length && text[i + digits] is >= '0' and <= '7'; digits++)
                    {
                        value = (value * 8) + text[i + digits] - '0';
                    }

                    output.Append((char)value);
                    i += digits - 1;
                    break;
                case 'N':
                    throw Fault.Syntax("characters by name (\\N) are not to be had: write \\u and their number");
                default:
                    output = Simple(c) is { } simple ? output.Append(simple) : output.Append('\\').Append(c);
                    break;
            }
        }

        return output.ToString();
    }

    private static char? Simple(char c) => c switch
    {
        '\\' or '\'' or '"' => c,
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\a',
        'b' => '\b',
        'f' => '\f',
        'v' => '\v',
        _ => null,
    };

    private static int Hexadecimal(StringBuilder output, ReadOnlySpan<char> text, int digits)
    {
        if (text.Length < digits || !int.TryParse(text[..digits], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int point) || point is < 0 or > 0x10ffff)
        {
            throw Fault.Syntax(digits switch { 2 => @"truncated \xXX escape", 4 => @"truncated \uXXXX escape", _ => @"truncated \UXXXXXXXX escape" });
        }

        // Half a surrogate pair stays half; its other half may follow.
        output = point < 0x10000 ? output.Append((char)point) : output.Append(char.ConvertFromUtf32(point));
        return digits;
    }

    [GeneratedRegex(@"\G(?:[0-9]+_)*[0-9]+(?:(?:\.(?:[0-9]+_)*[0-9]+)?[eE][+-]?(?:[0-9]+_)*[0-9]+|\.(?:[0-9]+_)*[0-9]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Float();

    [GeneratedRegex(@"\G(?:0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|[1-9](?:_?[0-9])*|0(?:_?0)*)", RegexOptions.CultureInvariant)]
    private static partial Regex Integer();

    [GeneratedRegex(@"\G\w+", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
