namespace Lean.Engine.Text;

/// <summary>
/// Split patterns are written for Oniguruma. Most of what they use means the same to .NET, or .NET refuses it;
/// this finds the rest, which .NET would accept and read differently.
/// </summary>
internal static class PatternRules
{
    /// <summary>What in <paramref name="pattern"/> is not supported, in words, or null.</summary>
    internal static string? FindUnsupported(string pattern)
    {
        if (pattern.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return "a character beyond U+FFFF";
        }

        bool inClass = false;
        for (int i = 0; i < pattern.Length; i++)
        {
            ReadOnlySpan<char> rest = pattern.AsSpan(i);
            char next = rest.Length > 1 ? rest[1] : '\0';
            string? found = (rest[0], inClass) switch
            {
                ('\\', _) => Escape(next),
                ('[', true) => "a class, set or subtraction inside a class",
                ('&', true) when next == '&' => "an intersection of classes",
                ('(', false) when next == '?' => Group(rest, i == 0),
                ('{', false) when next == ',' => "a repetition without a lower bound",
                _ => null,
            };
            if (found is not null)
            {
                return found;
            }

            if (rest[0] == '\\')
            {
                i++;
            }
            else if (rest[0] == '[')
            {
                inClass = true;

                // "[]" and "[^]": a bracket that comes first is itself, to both.
                i += next == '^' ? 1 : 0;
                i += i + 1 < pattern.Length && pattern[i + 1] == ']' ? 1 : 0;
            }
            else if (rest[0] == ']')
            {
                inClass = false;
            }
        }

        return null;
    }

    /// <summary>Letters after a backslash that both read alike; \p{…} with a name that .NET lacks it refuses itself.</summary>
    private static string? Escape(char letter) =>
        !char.IsAsciiLetterOrDigit(letter) || "pPsSdDrntfvaezAZ".Contains(letter) ? null : $"\\{letter}";

    /// <summary>
    /// Of groups with a question mark: plain, ignoring case, looking ahead or behind, and atomic ones. (?i) alone only at
    /// the start, because the two disagree on whether it reaches into further alternatives.
    /// </summary>
    private static string? Group(ReadOnlySpan<char> rest, bool atStart)
    {
        foreach (string known in (ReadOnlySpan<string>)["(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"])
        {
            if (rest.StartsWith(known))
            {
                return null;
            }
        }

        return atStart && rest.StartsWith("(?i)") ? null : $"the group {JsonPlace.Shorten(rest[..Math.Min(rest.Length, 4)].ToString())}";
    }
}
