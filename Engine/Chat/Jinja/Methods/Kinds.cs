using System.Globalization;
using System.Text;
using Lean.Engine.Chat.Jinja.Formatting;

namespace Lean.Engine.Chat.Jinja.Methods;

/// <summary>What strings consist of.</summary>
internal static class Kinds
{
    /// <summary>Whether there are code points and all are of a kind.</summary>
    public static bool All(string text, Func<Rune, bool> kind)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (!kind(rune))
            {
                return false;
            }
        }

        return text.Length > 0;
    }

    public static bool IsLetter(Rune rune) => Rune.IsLetter(rune);

    public static bool IsDecimal(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber;

    public static bool IsDigit(Rune rune) => CharUnicodeInfo.GetDigitValue(rune.ToString(), 0) >= 0;

    public static bool IsNumeric(Rune rune) => CharUnicodeInfo.GetNumericValue(rune.ToString(), 0) != -1;

    public static bool IsAlphanumeric(Rune rune) => IsLetter(rune) || IsDecimal(rune) || IsDigit(rune) || IsNumeric(rune);

    public static bool HasCase(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;

    /// <summary>Whether there are letters with case and all have the one asked for.</summary>
    public static bool IsCased(string text, bool lower)
    {
        bool any = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (HasCase(rune))
            {
                if (lower != Rune.IsLower(rune))
                {
                    return false;
                }

                any = true;
            }
        }

        return any;
    }

    /// <summary>Whether each run of letters begins in upper case and goes on in lower case.</summary>
    public static bool IsTitle(string text)
    {
        bool any = false, inside = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool cased = HasCase(rune);
            if (cased && Rune.IsLower(rune) != inside)
            {
                return false;
            }

            any |= cased;
            inside = cased;
        }

        return any;
    }

    public static bool IsIdentifier(string text)
    {
        bool first = true;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool good = rune.Value == '_' || Rune.IsLetter(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.LetterNumber
                || (!first && Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.NonSpacingMark
                    or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.ConnectorPunctuation);
            if (!good)
            {
                return false;
            }

            first = false;
        }

        return !first;
    }

    public static bool IsPrintable(string text)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (!Quoting.IsPrintable(rune))
            {
                return false;
            }
        }

        return true;
    }
}
