namespace Lean.Engine.Text;

/// <summary>
/// Finds the first of several strings in a text that comes character by character, each looked at once: the automaton of
/// Aho and Corasick (Communications of the ACM, 1975). The string that is complete first wins; of those complete at the
/// same character, the longest.
/// </summary>
internal sealed class StopMatcher
{
    // State 0 has read nothing of any string; a state's depth is how much of a string it has read.
    private readonly Dictionary<long, int> _next = [];
    private readonly List<int> _depths = [0];
    private readonly List<int> _matches = [0];
    private readonly List<int> _fallbacks = [0];
    private int _state;

    /// <param name="strings">None of them empty.</param>
    public StopMatcher(IEnumerable<string> strings)
    {
        foreach (string text in strings)
        {
            Add(text);
        }

        Connect();
    }

    /// <summary>How many of the last characters may be the beginning of a string.</summary>
    public int Pending => _depths[_state];

    /// <summary>Takes a character.</summary>
    /// <returns>The length of the string that is now complete, or 0.</returns>
    public int Append(char c)
    {
        int next;
        while (!_next.TryGetValue(Key(_state, c), out next) && _state != 0)
        {
            _state = _fallbacks[_state];
        }

        _state = next;
        return _matches[_state];
    }

    private static long Key(int state, char c) => ((long)state << 16) | c;

    private void Add(string text)
    {
        int state = 0;
        foreach (char c in text)
        {
            if (!_next.TryGetValue(Key(state, c), out int next))
            {
                next = _depths.Count;
                _depths.Add(_depths[state] + 1);
                _matches.Add(0);
                _fallbacks.Add(0);
                _next.Add(Key(state, c), next);
            }

            state = next;
        }

        _matches[state] = text.Length;
    }

    // A state falls back to the longest beginning of a string that it ends in. Shorter states come first, since what a
    // state falls back to is shorter than itself.
    private void Connect()
    {
        foreach ((long key, int state) in _next.OrderBy(edge => _depths[edge.Value]))
        {
            (int parent, char c) = ((int)(key >> 16), (char)key);
            if (parent != 0)
            {
                int candidate = _fallbacks[parent], fallback;
                while (!_next.TryGetValue(Key(candidate, c), out fallback) && candidate != 0)
                {
                    candidate = _fallbacks[candidate];
                }

                _fallbacks[state] = fallback;
            }

            _matches[state] = _matches[state] > 0 ? _matches[state] : _matches[_fallbacks[state]];
        }
    }
}
