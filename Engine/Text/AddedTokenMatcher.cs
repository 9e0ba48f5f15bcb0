using System.Buffers;

namespace Lean.Engine.Text;


/// <summary>Finds added tokens in text: leftmost first, the longest of those that begin at one place.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly List<AddedToken> _tokens = [];
    private readonly Dictionary<(int Node, char Next), int> _children = [];
    private readonly List<int> _tokenAt = [-1];
    private readonly SearchValues<char> _firstCharacters;

    /// <summary>Takes tokens with the text to look for, which for normalised tokens is not their content.</summary>
    internal AddedTokenMatcher(IEnumerable<(AddedToken Token, string Text)> tokens)
    {
        var first = new HashSet<char>();
        foreach ((AddedToken token, string text) in tokens)
        {
            if (text.Length == 0)
            {
                continue;
            }

            first.Add(text[0]);
            int node = 0;
            foreach (char c in text)
            {
                if (!_children.TryGetValue((node, c), out int child))
                {
                    child = _tokenAt.Count;
                    _tokenAt.Add(-1);
                    _children.Add((node, c), child);
                }

                node = child;
            }

            _tokenAt[node] = _tokens.Count;
            _tokens.Add(token);
        }

        _firstCharacters = SearchValues.Create([.. first]);
    }

    internal bool IsEmpty => _tokens.Count == 0;

    /// <summary>Cuts <paramref name="text"/> at its added tokens, as Hugging Face's find_matches does.</summary>
    internal void Split(ReadOnlySpan<char> text, SpecialTokens specials, List<Segment> segments)
    {
        int done = 0;
        for (int index = 0; TryFind(text, index, out int start, out int end, out AddedToken token); index = end)
        {
            // A match that does not count still hides what lies inside it.
            if ((token.Special && specials == SpecialTokens.AsText)
                || (token.SingleWord && (WordEdges.EndsInWord(text[..start]) || WordEdges.BeginsWithWord(text[end..]))))
            {
                continue;
            }

            int from = token.StripLeft ? Math.Max(done, text[..start].TrimEnd().Length) : start;
            int to = token.StripRight ? text.Length - text[end..].TrimStart().Length : end;
            if (done < from)
            {
                segments.Add(new Segment(done, from, -1));
            }

            segments.Add(new Segment(from, to, token.Id));
            done = to;
        }

        if (done < text.Length)
        {
            segments.Add(new Segment(done, text.Length, -1));
        }
    }

    private bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end, out AddedToken token)
    {
        for (start = from; start < text.Length; start++)
        {
            int skipped = text[start..].IndexOfAny(_firstCharacters);
            if (skipped < 0)
            {
                break;
            }

            start += skipped;
            int node = 0;
            int found = -1;
            end = start;
            for (int i = start; i < text.Length && _children.TryGetValue((node, text[i]), out node); i++)
            {
                if (_tokenAt[node] >= 0)
                {
                    found = _tokenAt[node];
                    end = i + 1;
                }
            }

            if (found >= 0)
            {
                token = _tokens[found];
                return true;
            }
        }

        end = start;
        token = null!;
        return false;
    }
}
