using System.Buffers;

namespace Lean.Engine.Text;

/// <summary>
/// The text of one request's output as it comes: decodes its tokens, looks for its stop strings, also across tokens, and
/// knows how much of the text is certain. What might still become a stop string is not, nor are the bytes of an
/// unfinished code point. The text ends before the stop string.
/// </summary>
internal sealed class OutputText
{
    private readonly Detokenizer _detokenizer;
    private readonly StopMatcher? _stops;
    private readonly int _minTokens;
    private readonly ArrayBufferWriter<char> _text = new(256);
    private int _tokens;
    private int _scanned;
    private int _certain;
    private bool _ended;

    /// <param name="tokenizer">Decodes.</param>
    /// <param name="stops">The stop strings, none of them empty.</param>
    /// <param name="minTokens">Tokens before which no stop string counts.</param>
    /// <param name="skipSpecial">Whether control tokens are left out of the text.</param>
    /// <param name="kept">Control tokens that stay in it all the same, or null for none.</param>
    public OutputText(Tokenizer tokenizer, IReadOnlyList<string> stops, int minTokens = 0, bool skipSpecial = true, IReadOnlySet<int>? kept = null)
    {
        _detokenizer = new Detokenizer(tokenizer, skipSpecial, kept);
        _stops = stops.Count > 0 ? new StopMatcher(stops) : null;
        _minTokens = minTokens;
    }

    /// <summary>The text so far that nothing can change any more.</summary>
    public ReadOnlySpan<char> Certain => _text.WrittenSpan[.._certain];

    /// <summary>Takes a token.</summary>
    /// <returns>Whether a stop string is now complete; the text has ended then.</returns>
    public bool Append(int token)
    {
        _tokens++;
        _detokenizer.Append(token, _text);
        ReadOnlySpan<char> text = _text.WrittenSpan;
        if (_stops is null)
        {
            _certain = text.Length;
            return false;
        }

        for (; _scanned < text.Length; _scanned++)
        {
            int found = _stops.Append(text[_scanned]);
            if (found > 0 && _tokens >= _minTokens)
            {
                (_certain, _ended) = (_scanned + 1 - found, true);
                return true;
            }
        }

        _certain = _scanned - _stops.Pending;
        return false;
    }

    /// <summary>Ends the text: all of it is certain, and bytes still waiting come out as U+FFFD. After a stop string there is nothing to do.</summary>
    public void End()
    {
        if (!_ended)
        {
            _text.Write(_detokenizer.Flush());
            (_certain, _ended) = (_text.WrittenCount, true);
        }
    }
}
