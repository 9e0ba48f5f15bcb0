using System.Buffers;
using System.Text;

namespace Lean.Engine.Chat.Jinja.Operations;

/// <summary>
/// Strings as Python sees them, by code points. Texts without surrogate pairs, nearly all, take the short way.
/// </summary>
internal static class Texts
{
    private static readonly string[] s_ascii = [.. Enumerable.Range(0, 128).Select(static i => ((char)i).ToString())];

    /// <summary>Code points.</summary>
    public static int Length(string text)
    {
        int length = text.Length;
        int first = text.AsSpan().IndexOfAnyInRange('\ud800', '\udfff');
        for (int i = first < 0 ? text.Length : first; i + 1 < text.Length; i++)
        {
            if (char.IsSurrogatePair(text[i], text[i + 1]))
            {
                length--;
                i++;
            }
        }

        return length;
    }

    /// <summary>The code points from one place, as many as there are up to a count.</summary>
    public static string Slice(string text, int start, int count)
    {
        if (!HasPairs(text))
        {
            return text.Substring(start, count);
        }

        int from = Offset(text, 0, start);
        return text[from..Offset(text, from, count)];
    }

    /// <summary>Code points from a start, by a step.</summary>
    public static string Slice(string text, int start, int step, int count)
    {
        if (step == 1 || count == 0)
        {
            return Slice(text, start, count);
        }

        string[] points = HasPairs(text) ? [.. Characters(text).Select(static c => (string)c!)] : [];
        var slice = new StringBuilder(count);
        for (int i = 0; i < count; i++)
        {
            int place = start + (i * step);
            slice = points.Length > 0 ? slice.Append(points[place]) : slice.Append(text[place]);
        }

        return slice.ToString();
    }

    /// <summary>Each code point as a string.</summary>
    public static IEnumerable<object?> Characters(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                yield return text.Substring(i++, 2);
            }
            else
            {
                yield return text[i] < s_ascii.Length ? s_ascii[text[i]] : text[i].ToString();
            }
        }
    }

    /// <summary>The number of code points before an offset in UTF-16.</summary>
    public static int PointsBefore(string text, int offset) => HasPairs(text) ? Length(text[..offset]) : offset;

    /// <summary>The offset in UTF-16 that lies some code points after another.</summary>
    public static int Offset(string text, int from, int points)
    {
        if (!HasPairs(text))
        {
            return int.Min(from + points, text.Length);
        }

        int offset = from;
        for (; points > 0 && offset < text.Length; points--)
        {
            offset += offset + 1 < text.Length && char.IsSurrogatePair(text[offset], text[offset + 1]) ? 2 : 1;
        }

        return offset;
    }

    /// <summary>The order by code points.</summary>
    public static int Compare(string left, string right)
    {
        int common = left.AsSpan().CommonPrefixLength(right);
        if (common == left.Length || common == right.Length)
        {
            return left.Length.CompareTo(right.Length);
        }

        // UTF-16 puts surrogates, which stand for the highest code points, below U+E000 to U+FFFF.
        char a = left[common], b = right[common];
        return char.IsSurrogate(a) != char.IsSurrogate(b) ? (char.IsSurrogate(a) ? 1 : -1) : a.CompareTo(b);
    }

    /// <summary>Whether Python counts a character as white space.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    /// <summary>Without white space at its ends.</summary>
    public static string Strip(string text, bool left, bool right)
    {
        int start = 0, end = text.Length;
        while (left && start < end && IsSpace(text[start]))
        {
            start++;
        }

        while (right && end > start && IsSpace(text[end - 1]))
        {
            end--;
        }

        return text[start..end];
    }

    /// <summary>Without any of some characters at its ends.</summary>
    public static string Strip(string text, string characters, bool left, bool right)
    {
        if (HasPairs(text) || HasPairs(characters))
        {
            HashSet<object?> set = [.. Characters(characters)];
            string[] points = [.. Characters(text).Select(static c => (string)c!)];
            int first = 0, last = points.Length;
            while (left && first < last && set.Contains(points[first]))
            {
                first++;
            }

            while (right && last > first && set.Contains(points[last - 1]))
            {
                last--;
            }

            return string.Concat(points[first..last]);
        }

        var values = SearchValues.Create(characters);
        int start = left ? text.AsSpan().IndexOfAnyExcept(values) : 0;
        int end = right ? text.AsSpan().LastIndexOfAnyExcept(values) : text.Length - 1;
        return start < 0 || end < start ? "" : text[start..(end + 1)];
    }

    private static bool HasPairs(string text) => text.AsSpan().IndexOfAnyInRange('\ud800', '\udfff') >= 0;
}
