namespace Lean.Engine.Grammars.Automata;

/// <summary>
/// Makes a network fit to be followed: from every state that is left the end can be reached, so whoever obeys it never
/// gets stuck, and rules stand before those they call first.
/// </summary>
internal sealed class NetworkFinisher(NetworkBuilder builder)
{
    private readonly bool[] _useful = new bool[builder.Bytes.Count];

    /// <summary>The finished network.</summary>
    /// <exception cref="GrammarLimitException">Nothing satisfies it, or a rule begins with itself.</exception>
    public Network Finish()
    {
        FindUseful();
        if (!_useful[builder.Rules[0].Rule.Start])
        {
            throw new GrammarLimitException("cannot be satisfied by any value that ends");
        }

        int[] order = Order();
        int[] numbers = new int[order.Length];
        for (int i = 0; i < order.Length; i++)
        {
            numbers[order[i]] = i;
        }

        byte[] classes = Classes(out int count);
        var ends = new bool[_useful.Length];
        foreach ((_, int end) in builder.Rules)
        {
            ends[end] = true;
        }

        return new Network
        {
            Bytes = [.. builder.Bytes.Select((edges, s) => _useful[s] ? edges.Where(e => _useful[e.Target]).ToArray() : [])],
            Steps = [.. builder.Steps.Select((steps, s) => _useful[s] ? Kept(steps, numbers) : [])],
            Ends = ends,
            RuleOf = [.. builder.RuleOf.Select(r => numbers[r])],
            IsText = [.. Enumerable.Range(0, _useful.Length).Select(s => _useful[s] && builder.TextStates.Contains(s))],
            Rules = [.. order.Select(r => builder.Rules[r].Rule)],
            Root = numbers[0],
            Classes = classes,
            ClassCount = count,
        };
    }

    private Network.Step[] Kept(List<Network.Step> steps, int[] numbers) =>
        [.. steps.Where(IsUseful).Select(s => s.Called < 0 ? s : s with { Called = numbers[s.Called] })];

    private bool IsUseful(Network.Step step) => _useful[step.Target] && (step.Called < 0 || _useful[builder.Rules[step.Called].Rule.Start]);

    // Backwards from the rules' ends; a call counts once both the rule called and what comes after it do.
    private void FindUseful()
    {
        var sources = new List<int>?[_useful.Length];
        for (int s = 0; s < _useful.Length; s++)
        {
            foreach (Network.ByteEdge edge in builder.Bytes[s])
            {
                (sources[edge.Target] ??= []).Add(s);
            }

            foreach (Network.Step step in builder.Steps[s])
            {
                (sources[step.Target] ??= []).Add(s);
                if (step.Called >= 0)
                {
                    int start = builder.Rules[step.Called].Rule.Start;
                    (sources[start] ??= []).Add(s);
                }
            }
        }

        var work = new Stack<int>(builder.Rules.Select(static r => r.End));
        while (work.TryPop(out int s))
        {
            if (!_useful[s])
            {
                _useful[s] = true;
                foreach (int source in sources[s] ?? [])
                {
                    if (!_useful[source] && LeadsOn(source))
                    {
                        work.Push(source);
                    }
                }
            }
        }
    }

    private bool LeadsOn(int state)
    {
        foreach (Network.ByteEdge edge in builder.Bytes[state])
        {
            if (_useful[edge.Target])
            {
                return true;
            }
        }

        foreach (Network.Step step in builder.Steps[state])
        {
            if (IsUseful(step))
            {
                return true;
            }
        }

        return false;
    }

    // Rules by what they call before reading a byte: whoever calls comes first.
    private int[] Order()
    {
        int count = builder.Rules.Count;
        var first = new HashSet<int>[count];
        var callers = new int[count];
        for (int r = 0; r < count; r++)
        {
            first[r] = CalledFirst(builder.Rules[r].Rule.Start);
            foreach (int called in first[r])
            {
                callers[called]++;
            }
        }

        var ready = new Queue<int>(Enumerable.Range(0, count).Where(r => callers[r] == 0));
        var order = new List<int>();
        while (ready.TryDequeue(out int r))
        {
            order.Add(r);
            foreach (int called in first[r])
            {
                if (--callers[called] == 0)
                {
                    ready.Enqueue(called);
                }
            }
        }

        return order.Count == count ? [.. order] : throw new GrammarLimitException("refers to itself without anything in between");
    }

    private HashSet<int> CalledFirst(int start)
    {
        var called = new HashSet<int>();
        var seen = new HashSet<int>();
        var work = new Stack<int>([start]);
        while (work.TryPop(out int s))
        {
            if (!seen.Add(s))
            {
                continue;
            }

            foreach (Network.Step step in builder.Steps[s].Where(IsUseful))
            {
                if (step.Called >= 0)
                {
                    called.Add(step.Called);
                }
                else
                {
                    work.Push(step.Target);
                }
            }
        }

        return called;
    }

    // Two bytes are of one class where no edge tells them apart.
    private byte[] Classes(out int count)
    {
        var cuts = new bool[257];
        foreach (List<Network.ByteEdge> edges in builder.Bytes)
        {
            foreach (Network.ByteEdge edge in edges)
            {
                cuts[edge.First] = cuts[edge.Last + 1] = true;
            }
        }

        var classes = new byte[256];
        int current = 0;
        for (int b = 1; b < 256; b++)
        {
            current += cuts[b] ? 1 : 0;
            classes[b] = (byte)current;
        }

        count = current + 1;
        return classes;
    }
}
