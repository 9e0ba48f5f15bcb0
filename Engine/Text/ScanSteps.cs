namespace Lean.Engine.Text;

/// <summary>What the scanners of the known patterns have in common.</summary>
internal static class ScanSteps
{
    /// <summary>The length of 's, 't, 're, 've, 'm, 'll or 'd at <paramref name="start"/>, or 0.</summary>
    internal static int Contraction(ReadOnlySpan<char> text, int start, bool ignoreCase)
    {
        if (text[start] != '\'' || start + 1 >= text.Length)
        {
            return 0;
        }

        char first = Fold(text[start + 1], ignoreCase);
        if (first is 's' or 't' or 'm' or 'd')
        {
            return 2;
        }

        char second = start + 2 < text.Length ? Fold(text[start + 2], ignoreCase) : '\0';
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    /// <summary>The end of "\s+(?!\S)|\s+": white space up to, if a word follows, its last character, or that one alone.</summary>
    internal static int SpacesEnd(ReadOnlySpan<char> text, int start)
    {
        int end = start;
        while (end < text.Length && CharKinds.At(text, end, out _) >= CharKind.Space)
        {
            end++;
        }

        return end == text.Length || end == start + 1 ? end : end - 1;
    }

    private static char Fold(char c, bool ignoreCase) => !ignoreCase ? c : c switch
    {
        >= 'A' and <= 'Z' => (char)(c | 0x20),

        // Unicode's simple case folding, which Oniguruma follows: the long s is an s.
        '\u017F' => 's',
        _ => c,
    };
}
