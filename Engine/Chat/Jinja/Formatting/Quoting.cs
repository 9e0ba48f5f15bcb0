using System.Globalization;
using System.Text;

namespace Lean.Engine.Chat.Jinja.Formatting;

/// <summary>Strings as Python writes them inside lists and messages.</summary>
internal static class Quoting
{
    /// <summary>A string's repr.</summary>
    public static string Quote(string text)
    {
        char quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        var quoted = new StringBuilder(text.Length + 2).Append(quote);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == quote || c == '\\')
            {
                quoted.Append('\\').Append(c);
            }
            else if (c is >= ' ' and < '\x7f')
            {
                quoted.Append(c);
            }
            else
            {
                Rune.DecodeFromUtf16(text.AsSpan(i), out Rune rune, out int length);
                bool whole = length == 2 || !char.IsSurrogate(c);
                Escape(quoted, whole ? rune.Value : c, whole && IsPrintable(rune), text.AsSpan(i, length));
                i += length - 1;
            }
        }

        return quoted.Append(quote).ToString();
    }

    private static void Escape(StringBuilder quoted, int point, bool printable, ReadOnlySpan<char> characters)
    {
        quoted = point switch
        {
            '\n' => quoted.Append("\\n"),
            '\r' => quoted.Append("\\r"),
            '\t' => quoted.Append("\\t"),
            _ when printable => quoted.Append(characters),
            < 0x100 => quoted.Append(CultureInfo.InvariantCulture, $"\\x{point:x2}"),
            < 0x10000 => quoted.Append(CultureInfo.InvariantCulture, $"\\u{point:x4}"),
            _ => quoted.Append(CultureInfo.InvariantCulture, $"\\U{point:x8}"),
        };
    }

    /// <summary>Whether repr writes a code point as it is.</summary>
    public static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}
