namespace Lean.Engine.Grammars.Patterns;

/// <summary>
/// A deterministic automaton over code points. Every state leads to the end of some string, so that whoever follows its
/// edges never gets stuck; where there is no string at all there is no state.
/// </summary>
internal sealed class CharDfa
{
    /// <summary>The most states of one automaton.</summary>
    public const int MostStates = 4096;

    private readonly Edge[][] _edges;
    private readonly bool[] _accepts;

    /// <param name="edges">Per state the ranges that lead on, none of which overlap; state 0 is the start.</param>
    /// <param name="accepts">Whether a string may end in a state.</param>
    public CharDfa(IReadOnlyList<List<Edge>> edges, IReadOnlyList<bool> accepts)
    {
        int[] numbers = Useful(edges, accepts);
        int count = numbers.Max() + 1;
        _edges = new Edge[count][];
        _accepts = new bool[count];
        for (int s = 0; s < edges.Count; s++)
        {
            if (numbers[s] >= 0)
            {
                _edges[numbers[s]] = [.. edges[s].Where(e => numbers[e.Target] >= 0).Select(e => e with { Target = numbers[e.Target] }).OrderBy(static e => e.First)];
                _accepts[numbers[s]] = accepts[s];
            }
        }
    }

    /// <summary>A range of code points and the state it leads to.</summary>
    internal readonly record struct Edge(int First, int Last, int Target);

    /// <summary>How many states there are; 0 where there is no string.</summary>
    public int Count => _accepts.Length;

    /// <summary>The edges of a state, by rising code points.</summary>
    public ReadOnlySpan<Edge> Edges(int state) => _edges[state];

    /// <summary>Whether a string may end in a state.</summary>
    public bool Accepts(int state) => _accepts[state];

    /// <summary>Whether a string is one of its.</summary>
    public bool Matches(string text)
    {
        int state = Count == 0 ? -1 : 0;
        foreach (System.Text.Rune rune in text.EnumerateRunes())
        {
            state = state < 0 ? -1 : Next(state, rune.Value);
        }

        return state >= 0 && _accepts[state];
    }

    /// <summary>The strings of both.</summary>
    /// <exception cref="PatternException">There are too many states.</exception>
    public CharDfa And(CharDfa other, WorkBudget budget)
    {
        var numbers = new Dictionary<(int, int), int>();
        var pairs = new List<(int Left, int Right)>();
        var edges = new List<List<Edge>>();
        var accepts = new List<bool>();
        if (Count > 0 && other.Count > 0)
        {
            Number(0, 0);
        }

        for (int p = 0; p < pairs.Count; p++)
        {
            (int left, int right) = pairs[p];
            accepts.Add(_accepts[left] && other._accepts[right]);
            edges.Add([]);
            Edge[] ours = _edges[left], theirs = other._edges[right];
            budget.Spend(ours.Length + theirs.Length);
            for (int i = 0, j = 0; i < ours.Length && j < theirs.Length;)
            {
                int first = int.Max(ours[i].First, theirs[j].First), last = int.Min(ours[i].Last, theirs[j].Last);
                if (first <= last)
                {
                    edges[p].Add(new Edge(first, last, Number(ours[i].Target, theirs[j].Target)));
                }

                bool oursEnds = ours[i].Last <= theirs[j].Last, theirsEnds = theirs[j].Last <= ours[i].Last;
                (i, j) = (i + (oursEnds ? 1 : 0), j + (theirsEnds ? 1 : 0));
            }
        }

        return new CharDfa(edges, accepts);

        int Number(int left, int right)
        {
            if (!numbers.TryGetValue((left, right), out int number))
            {
                numbers[(left, right)] = number = pairs.Count;
                pairs.Add((left, right));
                CheckStates(pairs.Count);
            }

            return number;
        }
    }

    /// <summary>All strings but some.</summary>
    /// <exception cref="PatternException">There are too many states.</exception>
    public static CharDfa AllBut(IEnumerable<string> texts)
    {
        // A trie of the texts, which may end anywhere but at one of them, and a state for whatever has left it.
        const int left = 1;
        var next = new List<SortedDictionary<int, int>> { new(), new() };
        var accepts = new List<bool> { true, true };
        foreach (string text in texts)
        {
            int at = 0;
            foreach (System.Text.Rune rune in text.EnumerateRunes())
            {
                if (!next[at].TryGetValue(rune.Value, out int target))
                {
                    next[at][rune.Value] = target = next.Count;
                    next.Add([]);
                    accepts.Add(true);
                    CheckStates(next.Count);
                }

                at = target;
            }

            accepts[at] = false;
        }

        var edges = new List<List<Edge>>();
        foreach (SortedDictionary<int, int> known in next)
        {
            var own = known.Select(static e => new Edge(e.Key, e.Key, e.Value)).ToList();
            foreach (CodePointRange range in CodePointSet.Of([.. known.Keys]).Complement().Ranges)
            {
                own.Add(new Edge(range.First, range.Last, left));
            }

            edges.Add(own);
        }

        return new CharDfa(edges, accepts);
    }

    /// <summary>Strings in which a text does not stand, whose first character stands in it only once.</summary>
    public static CharDfa Without(string text)
    {
        var edges = new List<List<Edge>>();
        for (int s = 0; s < text.Length; s++)
        {
            // So many of its characters have been read; any other begins anew.
            edges.Add([]);
            int[] known = s == 0 ? [text[0]] : [text[s], text[0]];
            foreach (CodePointRange range in CodePointSet.Of(known).Complement().Ranges)
            {
                edges[s].Add(new Edge(range.First, range.Last, 0));
            }

            if (s + 1 < text.Length)
            {
                edges[s].Add(new Edge(text[s], text[s], s + 1));
            }

            if (s > 0)
            {
                edges[s].Add(new Edge(text[0], text[0], 1));
            }
        }

        return new CharDfa(edges, [.. text.Select(static _ => true)]);
    }

    /// <summary>Strings of so many code points.</summary>
    /// <exception cref="PatternException">There are too many states.</exception>
    public static CharDfa OfLength(int least, int? most)
    {
        int count = (most ?? least) + 1;
        CheckStates(count);
        var edges = new List<List<Edge>>();
        for (int s = 0; s < count; s++)
        {
            edges.Add([]);
            if (s + 1 < count || most is null)
            {
                foreach (CodePointRange range in CodePointSet.All.Ranges)
                {
                    edges[s].Add(new Edge(range.First, range.Last, int.Min(s + 1, count - 1)));
                }
            }
        }

        return new CharDfa(edges, [.. Enumerable.Range(0, count).Select(s => s >= least)]);
    }

    /// <summary>Refuses more states than there may be.</summary>
    /// <exception cref="PatternException">There are too many.</exception>
    public static void CheckStates(int count)
    {
        if (count > MostStates)
        {
            throw new PatternException($"needs an automaton of more than {MostStates:N0} states");
        }
    }

    private int Next(int state, int codePoint)
    {
        foreach (Edge edge in _edges[state])
        {
            if (codePoint >= edge.First && codePoint <= edge.Last)
            {
                return edge.Target;
            }
        }

        return -1;
    }

    // New numbers for the states from which a string can still end; −1 for the others, and for all if the start is one.
    private static int[] Useful(IReadOnlyList<List<Edge>> edges, IReadOnlyList<bool> accepts)
    {
        var sources = new List<int>[edges.Count];
        for (int s = 0; s < edges.Count; s++)
        {
            foreach (Edge edge in edges[s])
            {
                (sources[edge.Target] ??= []).Add(s);
            }
        }

        var useful = new bool[edges.Count];
        var work = new Stack<int>(Enumerable.Range(0, edges.Count).Where(s => accepts[s]));
        while (work.TryPop(out int s))
        {
            if (!useful[s])
            {
                useful[s] = true;
                foreach (int source in sources[s] ?? [])
                {
                    work.Push(source);
                }
            }
        }

        int next = 0;
        bool any = edges.Count > 0 && useful[0];
        int[] numbers = [.. useful.Select(u => any && u ? next++ : -1)];
        return numbers.Length == 0 ? [-1] : numbers;
    }
}
