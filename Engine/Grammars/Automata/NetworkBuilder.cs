using System.Text;

namespace Lean.Engine.Grammars.Automata;

/// <summary>Builds a <see cref="Network"/>, rule by rule. Its size is bounded.</summary>
internal sealed class NetworkBuilder
{
    private const int MostStates = 250_000;
    private const int MostEdges = 1_000_000;

    private readonly Dictionary<(int State, byte First, byte Last), int> _tails = [];
    private int _edges;

    /// <summary>Per state the bytes that lead on.</summary>
    public List<List<Network.ByteEdge>> Bytes { get; } = [];

    /// <summary>Per state the steps that read nothing.</summary>
    public List<List<Network.Step>> Steps { get; } = [];

    /// <summary>Per state its rule.</summary>
    public List<int> RuleOf { get; } = [];

    /// <summary>States in which the characters of a string stand.</summary>
    public HashSet<int> TextStates { get; } = [];

    /// <summary>The rules so far, and where each ends.</summary>
    public List<(Network.Rule Rule, int End)> Rules { get; } = [];

    /// <summary>The rule that states are made for.</summary>
    public int Current { get; private set; }

    /// <summary>Where the current rule begins.</summary>
    public int Start => Rules[Current].Rule.Start;

    /// <summary>Where the current rule ends.</summary>
    public int End => Rules[Current].End;

    /// <summary>Makes a rule; it is built by itself.</summary>
    public int NewRule(int least = 0, int? most = null)
    {
        int rule = Rules.Count, before = Current;
        Current = rule;
        int start = State(), end = State();
        Rules.Add((new Network.Rule(start, least, most), end));
        Current = before;
        return rule;
    }

    /// <summary>Goes on with a rule.</summary>
    public void Open(int rule) => Current = rule;

    /// <summary>A new state of the current rule.</summary>
    /// <exception cref="GrammarLimitException">There are too many.</exception>
    public int State()
    {
        if (Bytes.Count == MostStates)
        {
            throw new GrammarLimitException($"needs an automaton of more than {MostStates:N0} states");
        }

        Bytes.Add([]);
        Steps.Add([]);
        RuleOf.Add(Current);
        return Bytes.Count - 1;
    }

    /// <summary>A range of bytes leads from one state to another.</summary>
    public void Edge(int from, byte first, byte last, int to)
    {
        CountEdge();
        Bytes[from].Add(new Network.ByteEdge(first, last, to));
    }

    /// <summary>Bytes lead from a state to the one returned.</summary>
    public int Literal(int from, ReadOnlySpan<byte> bytes)
    {
        foreach (byte b in bytes)
        {
            int next = State();
            Edge(from, b, b, next);
            from = next;
        }

        return from;
    }

    /// <inheritdoc cref="Literal(int, ReadOnlySpan{byte})"/>
    public int Literal(int from, string text) => Literal(from, Encoding.UTF8.GetBytes(text));

    /// <summary>One state leads to another without a byte.</summary>
    public void Skip(int from, int to, Guard guard = Guard.None)
    {
        CountEdge();
        Steps[from].Add(new Network.Step(to, guard, -1));
    }

    /// <summary>A rule leads from one state to another.</summary>
    public void Call(int from, int rule, int to)
    {
        CountEdge();
        Steps[from].Add(new Network.Step(to, Guard.None, rule));
    }

    /// <summary>A separator, with at most one space behind it, leads to the state returned.</summary>
    public int Separator(int from, char separator)
    {
        int behind = Literal(from, [(byte)separator]), next = State();
        Skip(behind, next);
        Edge(behind, (byte)' ', (byte)' ', next);
        return next;
    }

    /// <summary>Code points, in UTF-8, lead from one state to another.</summary>
    public void CodePoints(int from, int first, int last, int to) => Utf8Sequences.Split(first, last, (low, high) =>
    {
        // States behind the first byte are shared by all sequences that go on alike.
        int target = to;
        for (int i = low.Length - 1; i > 0; i--)
        {
            var key = (target, low[i], high[i]);
            if (!_tails.TryGetValue(key, out int state))
            {
                state = State();
                Edge(state, low[i], high[i], target);
                _tails[key] = state;
            }

            target = state;
        }

        Edge(from, low[0], high[0], target);
    });

    /// <summary>Finishes: drops what leads nowhere, orders the rules, and sorts bytes into classes.</summary>
    /// <exception cref="GrammarLimitException">Nothing satisfies it, or a rule begins with itself.</exception>
    public Network Build() => new NetworkFinisher(this).Finish();

    private void CountEdge()
    {
        if (++_edges > MostEdges)
        {
            throw new GrammarLimitException($"needs an automaton of more than {MostEdges:N0} edges");
        }
    }
}
