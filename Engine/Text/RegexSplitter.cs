using System.Text.RegularExpressions;
using Lean.Tensors;

namespace Lean.Engine.Text;

/// <summary>Any other split pattern, run by .NET's regex interpreter.</summary>
internal sealed class RegexSplitter : ISplitter
{
    /// <summary>For a whole megabyte under a decent pattern milliseconds are enough; only one that backtracks without end gets here.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Regex _regex;
    private readonly ShadowAlphabet _shadow;
    private readonly JsonPlace _place;

    /// <summary>Takes a pattern from a file; tests shorten the patience.</summary>
    internal RegexSplitter(string pattern, JsonPlace place, TimeSpan? patience = null)
    {
        _place = place;
        if (PatternRules.FindUnsupported(pattern) is { } unsupported)
        {
            throw place.Refuse("a pattern that means the same to Oniguruma and .NET", unsupported);
        }

        try
        {
            // Multiline: in Oniguruma's default syntax ^ and $ are about lines.
            _regex = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Multiline, patience ?? Patience);
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
        try
        {
            foreach (ValueMatch match in _regex.EnumerateMatches(shadow))
            {
                // Text between two matches is a piece too.
                Advance(text, ref done, ref shadowDone, match.Index, ends);
                Advance(text, ref done, ref shadowDone, match.Index + match.Length, ends);
            }
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new InputException(
                $"{_place.File}: {_place.Path}: expected a pattern that splits text quickly, found one still backtracking after {_regex.MatchTimeout.TotalSeconds:0.##} s.", error);
        }

        Advance(text, ref done, ref shadowDone, shadow.Length, ends);
    }

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
