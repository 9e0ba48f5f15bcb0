using Lean.Engine.Grammars.Automata;
using Lean.Engine.Grammars.Patterns;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>Rules for JSON strings.</summary>
internal sealed class StringRules(NetworkBuilder network)
{
    private readonly Dictionary<(int, int?), int> _free = [];

    /// <summary>The rule of strings of any characters, so many of them. A character may be written as any escape that JSON has.</summary>
    public int Free(int least = 0, int? most = null)
    {
        if (_free.TryGetValue((least, most), out int known))
        {
            return known;
        }

        int rule = network.NewRule(least, most), before = network.Current;
        _free[(least, most)] = rule;
        network.Open(rule);
        int body = network.State(), quote = network.State();
        network.Edge(network.Start, (byte)'"', (byte)'"', body);
        Characters(body);
        network.Skip(body, quote, Guard.Enough);
        network.Edge(quote, (byte)'"', (byte)'"', network.End);
        network.Open(before);
        return rule;
    }

    /// <summary>A rule for strings of so many characters of a set. They are counted, so that a long limit costs nothing.</summary>
    public int Repeated(CodePointSet set, int least, int? most)
    {
        int rule = network.NewRule(least, most), before = network.Current;
        network.Open(rule);
        int body = network.State(), character = network.State(), behind = network.State(), quote = network.State();
        network.Edge(network.Start, (byte)'"', (byte)'"', body);
        network.Skip(body, character, Guard.More);
        foreach (CodePointRange range in set.Ranges)
        {
            Range(character, range.First, range.Last, behind, isQuoted: true);
        }

        network.Skip(behind, body, Guard.Count);
        network.Skip(body, quote, Guard.Enough);
        network.Edge(quote, (byte)'"', (byte)'"', network.End);
        network.Open(before);
        return rule;
    }

    /// <summary>A rule for the strings of an automaton. Only what JSON requires to be escaped is.</summary>
    public int Of(CharDfa strings)
    {
        int rule = network.NewRule(), before = network.Current;
        network.Open(rule);
        int first = network.State(), quote = network.State();
        network.Edge(network.Start, (byte)'"', (byte)'"', first);
        Text(strings, first, quote, isQuoted: true);
        network.Edge(quote, (byte)'"', (byte)'"', network.End);
        network.Open(before);
        return rule;
    }

    /// <summary>The strings of an automaton lead from one state of the current rule to another.</summary>
    /// <param name="strings">The automaton.</param>
    /// <param name="from">The first state.</param>
    /// <param name="to">The state behind.</param>
    /// <param name="isQuoted">Whether they stand in quotes; else they stand as they are.</param>
    public void Text(CharDfa strings, int from, int to, bool isQuoted)
    {
        var states = new int[strings.Count];
        for (int s = 0; s < states.Length; s++)
        {
            states[s] = s == 0 ? from : network.State();
        }

        for (int s = 0; s < states.Length; s++)
        {
            if (isQuoted && TakesAll(strings, s))
            {
                Characters(states[s]);
            }
            else
            {
                foreach (CharDfa.Edge edge in strings.Edges(s))
                {
                    Range(states[s], edge.First, edge.Last, states[edge.Target], isQuoted);
                }
            }

            if (strings.Accepts(s))
            {
                network.Skip(states[s], to);
            }
        }
    }

    // Whatever comes is taken, for ever.
    private static bool TakesAll(CharDfa strings, int state)
    {
        long covered = 0;
        foreach (CharDfa.Edge edge in strings.Edges(state))
        {
            covered += edge.Target == state ? edge.Last - edge.First + 1L : 0;
        }

        return strings.Accepts(state) && covered == CodePointSet.All.Ranges.ToArray().Sum(static r => r.Last - r.First + 1L);
    }

    private void Range(int from, int first, int last, int to, bool isQuoted)
    {
        int next = first;
        for (int c = first; isQuoted && c <= int.Min(last, '\\'); c++)
        {
            if (JsonText.Escape(c) is { } escape)
            {
                Between(from, next, c - 1, to);
                byte final = (byte)escape[^1];
                network.Edge(network.Literal(from, escape[..^1]), final, final, to);
                next = c + 1;
            }
        }

        Between(from, next, last, to);
    }

    private void Between(int from, int first, int last, int to)
    {
        if (first <= last)
        {
            network.CodePoints(from, first, last, to);
        }
    }

    // Characters lead from a state of the current rule back to it, and are counted.
    private void Characters(int body)
    {
        int character = network.State(), behind = network.State();
        network.Skip(body, character, Guard.More);
        network.Skip(behind, body, Guard.Count);
        network.TextStates.Add(character);
        network.Edge(character, (byte)' ', (byte)'!', behind);
        network.Edge(character, (byte)'#', (byte)'[', behind);
        network.Edge(character, (byte)']', 0x7F, behind);
        foreach (CodePointRange range in CodePointSet.All.Ranges)
        {
            network.CodePoints(character, int.Max(range.First, 0x80), range.Last, behind);
        }

        Escapes(network.Literal(character, "\\"), behind);
    }

    private void Escapes(int from, int to)
    {
        foreach (char c in "\"\\/bfnrt")
        {
            network.Edge(from, (byte)c, (byte)c, to);
        }

        // Halves of surrogate pairs stand only together: \uD800 to \uDBFF with \uDC00 to \uDFFF behind it.
        int first = network.Literal(from, "u"), second = network.State(), low = network.State();
        Digits(first, Hex(3, to), "09ACEFacef");
        Digits(first, second, "DDdd");
        Digits(second, Hex(2, to), "07");
        Digits(second, Hex(2, low), "89ABab");
        int lowFirst = network.Literal(low, "\\u"), lowSecond = network.State();
        Digits(lowFirst, lowSecond, "DDdd");
        Digits(lowSecond, Hex(2, to), "CFcf");
    }

    // So many hexadecimal digits lead from the state returned to another.
    private int Hex(int digits, int to)
    {
        for (; digits > 0; digits--)
        {
            int from = network.State();
            Digits(from, to, "09AFaf");
            to = from;
        }

        return to;
    }

    // Pairs of characters: from the first to the second.
    private void Digits(int from, int to, string ranges)
    {
        for (int i = 0; i < ranges.Length; i += 2)
        {
            network.Edge(from, (byte)ranges[i], (byte)ranges[i + 1], to);
        }
    }
}
