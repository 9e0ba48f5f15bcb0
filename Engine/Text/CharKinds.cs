using System.Globalization;

namespace Lean.Engine.Text;

/// <summary>Classifies code points for the known split patterns.</summary>
internal static class CharKinds
{
    /// <summary>The kinds below U+10000, where a look-up per character has to be quick.</summary>
    private static readonly CharKind[] Below64K = Classify();

    /// <summary>The kind of the code point at <paramref name="index"/> of well-formed text, and its length in UTF-16.</summary>
    internal static CharKind At(ReadOnlySpan<char> text, int index, out int length)
    {
        char c = text[index];
        if (!char.IsHighSurrogate(c) || index + 1 >= text.Length)
        {
            length = 1;
            return Below64K[c];
        }

        length = 2;
        return Of(CharUnicodeInfo.GetUnicodeCategory(char.ConvertToUtf32(c, text[index + 1])));
    }

    private static CharKind[] Classify()
    {
        var kinds = new CharKind[0x10000];
        for (int i = 0; i < kinds.Length; i++)
        {
            char c = (char)i;
            kinds[i] = c is '\r' or '\n' ? CharKind.LineEnd
                : char.IsWhiteSpace(c) ? CharKind.Space
                : Of(CharUnicodeInfo.GetUnicodeCategory(c));
        }

        return kinds;
    }

    private static CharKind Of(UnicodeCategory category) => category switch
    {
        <= UnicodeCategory.OtherLetter => CharKind.Letter,
        <= UnicodeCategory.EnclosingMark => CharKind.Mark,
        <= UnicodeCategory.OtherNumber => CharKind.Number,
        _ => CharKind.Other,
    };
}
