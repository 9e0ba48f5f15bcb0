using Lean.Engine.Grammars.Automata;

namespace Lean.Engine.Grammars.Tokens;

/// <summary>
/// Tokens by their bytes, in the order in which a walk meets them: a node, then what lies below it. A node whose byte leads
/// nowhere is left together with all that lies below.
/// </summary>
internal sealed class TokenTrie
{
    private readonly Node[] _nodes;
    private readonly int _deepest;

    /// <param name="tokens">Ids and bytes, none of which are empty.</param>
    public TokenTrie(List<(int Id, byte[] Bytes)> tokens)
    {
        tokens.Sort(static (a, b) => a.Bytes.AsSpan().SequenceCompareTo(b.Bytes) is var order && order != 0 ? order : a.Id.CompareTo(b.Id));
        var nodes = new List<Node>();
        var open = new Stack<int>();
        byte[] before = [];
        foreach ((int id, byte[] bytes) in tokens)
        {
            // A second token of the same bytes gets a node beside the first.
            int shared = int.Min(bytes.AsSpan().CommonPrefixLength(before), bytes.Length - 1);
            Close(shared);
            for (int i = shared; i < bytes.Length; i++)
            {
                open.Push(nodes.Count);
                nodes.Add(new Node { Label = bytes[i], Depth = i + 1, Token = i + 1 == bytes.Length ? id : -1 });
            }

            before = bytes;
        }

        Close(0);
        _nodes = [.. nodes];
        _deepest = _nodes.Length == 0 ? 0 : _nodes.Max(static n => n.Depth);

        void Close(int depth)
        {
            while (open.Count > depth)
            {
                int node = open.Pop();
                nodes[node] = nodes[node] with { End = nodes.Count };
            }
        }
    }

    /// <summary>How many nodes there are.</summary>
    public int Count => _nodes.Length;

    /// <summary>Sets the bit of every token that may follow.</summary>
    /// <param name="automaton">The grammar.</param>
    /// <param name="from">Where it stands.</param>
    /// <param name="mask">A bit for each id.</param>
    public void Walk(Automaton automaton, Configuration from, Span<uint> mask)
    {
        // Grammars of one vocabulary share its tries, and each has a lock of its own.
        Configuration[] path = new Configuration[_deepest + 1];
        byte[] classes = automaton.Network.Classes;
        path[0] = from;
        Node[] nodes = _nodes;
        for (int i = 0; i < nodes.Length;)
        {
            ref readonly Node node = ref nodes[i];
            Configuration above = path[node.Depth - 1];
            Configuration here = above.Next?[classes[node.Label]] ?? automaton.Next(above, node.Label);
            if (ReferenceEquals(here, Configuration.Dead))
            {
                i = node.End;
                continue;
            }

            if (node.Token >= 0)
            {
                mask[node.Token >> 5] |= 1u << node.Token;
            }

            path[node.Depth] = here;
            i++;
        }
    }

    private readonly record struct Node
    {
        public required byte Label { get; init; }

        public required int Depth { get; init; }

        public required int Token { get; init; }

        /// <summary>The first node that is not below.</summary>
        public int End { get; init; }
    }
}
