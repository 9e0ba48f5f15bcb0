using System.Globalization;

namespace Lean.Engine.Text;

/// <summary>
/// .NET's regex sees UTF-16 units, so to it a letter beyond U+FFFF is two surrogates and no letter. Such text is
/// matched through a shadow instead, where one stand-in of the same general category replaces each pair.
/// </summary>
internal sealed class ShadowAlphabet
{
    /// <summary>Stand-ins come from above Latin, where no character is a case form of an ASCII letter.</summary>
    private const char FirstStandIn = '\u0370';

    private const char LongS = '\u017F';

    private readonly char[] _standIns = new char[(int)UnicodeCategory.OtherNotAssigned + 1];
    private readonly bool _foldsLongS;

    /// <summary>Picks stand-ins that <paramref name="pattern"/> names neither by themselves nor in a range.</summary>
    internal ShadowAlphabet(string pattern)
    {
        int missing = _standIns.Length - 1;
        for (int code = FirstStandIn; code <= char.MaxValue && missing > 0; code++)
        {
            ref char standIn = ref _standIns[(int)CharUnicodeInfo.GetUnicodeCategory(code)];
            if (standIn == 0 && !char.IsSurrogate((char)code) && !Names(pattern, (char)code))
            {
                standIn = (char)code;
                missing--;
            }
        }

        // (?i:s) matches a long s in Oniguruma, which folds case as Unicode says, but not in .NET.
        _foldsLongS = pattern.Contains("(?i", StringComparison.Ordinal) && !pattern.Contains(LongS);
    }

    internal bool IsNeeded(ReadOnlySpan<char> text) =>
        text.ContainsAnyInRange('\uD800', '\uDFFF') || (_foldsLongS && text.Contains(LongS));

    /// <summary>The shadow of well-formed text: one unit for each code point.</summary>
    internal ReadOnlySpan<char> Cast(ReadOnlySpan<char> text)
    {
        var shadow = new char[text.Length];
        int length = 0;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (char.IsHighSurrogate(c))
            {
                c = _standIns[(int)CharUnicodeInfo.GetUnicodeCategory(char.ConvertToUtf32(c, text[++i]))];
            }
            else if (c == LongS && _foldsLongS)
            {
                c = 's';
            }

            shadow[length++] = c;
        }

        return shadow.AsSpan(0, length);
    }

    private static bool Names(string pattern, char candidate)
    {
        char lower = char.ToLowerInvariant(candidate);
        char upper = char.ToUpperInvariant(candidate);
        for (int i = 0; i < pattern.Length; i++)
        {
            char first = pattern[i];
            if (first < 0x80 && !(i + 2 < pattern.Length && pattern[i + 1] == '-'))
            {
                continue;
            }

            char last = i + 2 < pattern.Length && pattern[i + 1] == '-' ? pattern[i + 2] : first;
            if ((candidate >= first && candidate <= last) || first == lower || first == upper)
            {
                return true;
            }
        }

        return false;
    }
}
