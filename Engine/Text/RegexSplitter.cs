using System.Diagnostics;
using System.Text.RegularExpressions;
using Lean.Tensors;

namespace Lean.Engine.Text;

/// <summary>Any other split pattern, run by .NET's regex interpreter.</summary>
internal sealed class RegexSplitter : ISplitter
{
    /// <summary>For a whole megabyte under a decent pattern milliseconds are enough; only one that backtracks without end gets here.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // Published ones have some 150 characters.
    private const int LongestPattern = 10_000;

    // A tenth of what the interpreter does with a decent pattern.
    private const double CharactersPerSecond = 1e5;

    private readonly Regex _regex;
    private readonly TimeSpan _patience;
    private readonly ShadowAlphabet _shadow;
    private readonly JsonPlace _place;

    /// <summary>Takes a pattern from a file; tests shorten the patience.</summary>
    internal RegexSplitter(string pattern, JsonPlace place, TimeSpan? patience = null)
    {
        (_place, _patience) = (place, patience ?? Patience);
        if (pattern.Length > LongestPattern)
        {
            throw place.Refuse($"a pattern of at most {LongestPattern:N0} characters", $"{pattern.Length:N0}");
        }

        if (PatternRules.FindUnsupported(pattern) is { } unsupported)
        {
            throw place.Refuse("a pattern that means the same to Oniguruma and .NET", unsupported);
        }

        try
        {
            // Multiline: in Oniguruma's default syntax ^ and $ are about lines.
            _regex = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Multiline, _patience);
        }
        catch (RegexParseException error)
        {
            throw new InputException($"{place.File}: {place.Path}: expected a regular expression, found one that .NET cannot run: {error.Error} at character {error.Offset + 1}", error);
        }

        _shadow = new ShadowAlphabet(pattern);
    }

    /// <inheritdoc/>
    public void Split(ReadOnlySpan<char> text, List<int> ends)
    {
        ReadOnlySpan<char> shadow = _shadow.IsNeeded(text) ? _shadow.Cast(text) : text;
        int done = 0;
        int shadowDone = 0;

        // The regex's own limit is for one match; a text has many.
        TimeSpan allowed = _patience + TimeSpan.FromSeconds(text.Length / CharactersPerSecond);
        long start = Stopwatch.GetTimestamp();
        try
        {
            foreach (ValueMatch match in _regex.EnumerateMatches(shadow))
            {
                // Text between two matches is a piece too.
                Advance(text, ref done, ref shadowDone, match.Index, ends);
                Advance(text, ref done, ref shadowDone, match.Index + match.Length, ends);
                if (Stopwatch.GetElapsedTime(start) > allowed)
                {
                    throw TooSlow(allowed);
                }
            }
        }
        catch (RegexMatchTimeoutException)
        {
            throw TooSlow(_patience);
        }

        Advance(text, ref done, ref shadowDone, shadow.Length, ends);
    }

    private InputException TooSlow(TimeSpan after) =>
        _place.Refuse("a pattern that splits text quickly", $"one still backtracking after {after.TotalSeconds:0.##} s");

    /// <summary>Ends a piece at <paramref name="shadowEnd"/> of the shadow, wherever that is in the text.</summary>
    private static void Advance(ReadOnlySpan<char> text, ref int done, ref int shadowDone, int shadowEnd, List<int> ends)
    {
        if (shadowEnd == shadowDone)
        {
            return;
        }

        for (; shadowDone < shadowEnd; shadowDone++)
        {
            done += char.IsHighSurrogate(text[done]) ? 2 : 1;
        }

        ends.Add(done);
    }
}
