namespace Lean.Engine.Grammars.Patterns;

/// <summary>Makes automata of patterns: Thompson's construction, then sets of states. Both are bounded, as is their work.</summary>
internal sealed class CharDfaBuilder
{
    private const int MostNfaStates = 20_000;

    // Edges of a state: a set that leads on, or, where the set is null, nothing read.
    private readonly List<List<(CodePointSet? Set, int Target)>> _edges = [];
    private readonly WorkBudget _budget;

    private CharDfaBuilder(WorkBudget budget) => _budget = budget;

    /// <summary>The automaton of a pattern.</summary>
    /// <exception cref="PatternException">It is too large, or the budget is used up.</exception>
    public static CharDfa Build(PatternNode node, WorkBudget budget)
    {
        var builder = new CharDfaBuilder(budget);
        int start = builder.State(), end = builder.State();
        builder.Add(node, start, end);
        return builder.Determinise(start, end);
    }

    private int State()
    {
        if (_edges.Count == MostNfaStates)
        {
            throw new PatternException($"is too large: it needs more than {MostNfaStates:N0} states before they are joined");
        }

        _budget.Spend(1);
        _edges.Add([]);
        return _edges.Count - 1;
    }

    private void Add(PatternNode node, int from, int to)
    {
        switch (node)
        {
            case PatternSet set:
                _edges[from].Add((set.Set, to));
                break;
            case PatternSequence sequence:
                foreach (PatternNode part in sequence.Parts)
                {
                    int next = State();
                    Add(part, from, next);
                    from = next;
                }

                _edges[from].Add((null, to));
                break;
            case PatternChoice choice:
                foreach (PatternNode option in choice.Options)
                {
                    int start = State();
                    _edges[from].Add((null, start));
                    Add(option, start, to);
                }

                break;
            case PatternRepeat repeat:
                Repeat(repeat, from, to);
                break;
            default:
                throw new PatternException("has ^ or $ elsewhere than at its ends, which is not supported");
        }
    }

    private void Repeat(PatternRepeat repeat, int from, int to)
    {
        for (int i = 0; i < repeat.Least; i++)
        {
            from = Once(repeat.Part, from);
        }

        if (repeat.Most is null)
        {
            int loop = State();
            _edges[from].Add((null, loop));
            _edges[Once(repeat.Part, loop)].Add((null, loop));
            _edges[loop].Add((null, to));
            return;
        }

        for (int i = repeat.Least; i < repeat.Most; i++)
        {
            _edges[from].Add((null, to));
            from = Once(repeat.Part, from);
        }

        _edges[from].Add((null, to));
    }

    private int Once(PatternNode part, int from)
    {
        int start = State(), next = State();
        _edges[from].Add((null, start));
        Add(part, start, next);
        return next;
    }

    private CharDfa Determinise(int start, int end)
    {
        var numbers = new Dictionary<string, int>();
        var sets = new List<int[]>();
        var edges = new List<List<CharDfa.Edge>>();
        var accepts = new List<bool>();
        Number([start]);
        for (int d = 0; d < sets.Count; d++)
        {
            accepts.Add(Array.BinarySearch(sets[d], end) >= 0);
            edges.Add([]);
            var leaving = new List<(CodePointSet Set, int Target)>();
            foreach (int s in sets[d])
            {
                foreach ((CodePointSet? set, int target) in _edges[s])
                {
                    if (set is not null)
                    {
                        leaving.Add((set, target));
                    }
                }
            }

            foreach ((CodePointRange range, List<int> targets) in Split(leaving))
            {
                edges[d].Add(new CharDfa.Edge(range.First, range.Last, Number(targets)));
            }
        }

        return new CharDfa(edges, accepts);

        int Number(List<int> states)
        {
            int[] set = Closure(states);
            string key = string.Join(',', set);
            if (!numbers.TryGetValue(key, out int number))
            {
                numbers[key] = number = sets.Count;
                sets.Add(set);
                CharDfa.CheckStates(sets.Count);
            }

            return number;
        }
    }

    // Cuts the code points where some set begins or ends, and says what each piece leads to.
    private IEnumerable<(CodePointRange Range, List<int> Targets)> Split(List<(CodePointSet Set, int Target)> leaving)
    {
        var events = new List<(int At, bool Opens, int Target)>();
        foreach ((CodePointSet set, int target) in leaving)
        {
            foreach (CodePointRange range in set.Ranges)
            {
                events.Add((range.First, true, target));
                events.Add((range.Last + 1, false, target));
            }
        }

        events.Sort(static (a, b) => a.At.CompareTo(b.At));
        var open = new SortedDictionary<int, int>();
        for (int i = 0; i < events.Count;)
        {
            int at = events[i].At;
            for (; i < events.Count && events[i].At == at; i++)
            {
                int count = open.GetValueOrDefault(events[i].Target) + (events[i].Opens ? 1 : -1);
                if (count == 0)
                {
                    open.Remove(events[i].Target);
                }
                else
                {
                    open[events[i].Target] = count;
                }
            }

            if (open.Count > 0)
            {
                _budget.Spend(open.Count);
                yield return (new CodePointRange(at, events[i].At - 1), [.. open.Keys]);
            }
        }
    }

    private int[] Closure(List<int> states)
    {
        var reached = new HashSet<int>();
        var work = new Stack<int>(states);
        while (work.TryPop(out int s))
        {
            if (!reached.Add(s))
            {
                continue;
            }

            _budget.Spend(1 + _edges[s].Count);
            foreach ((CodePointSet? set, int target) in _edges[s])
            {
                if (set is null)
                {
                    work.Push(target);
                }
            }
        }

        int[] sorted = [.. reached];
        Array.Sort(sorted);
        return sorted;
    }
}
