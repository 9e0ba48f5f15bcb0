using System.Text;
using Lean.Engine.Grammars.Automata;
using Lean.Engine.Grammars.Tokens;

namespace Lean.Engine.Grammars;

/// <summary>Text that is free up to a tag: the reasoning before an answer.</summary>
internal static class ReasoningPrefix
{
    private const string Tag = "</think>";
    private const int MostLines = 2;

    /// <summary>Any text up to and with the end of reasoning, and empty lines, lead from a state to the one returned.</summary>
    public static int Write(NetworkBuilder network, int from)
    {
        int after = network.State();
        UpTo(network, from, Tag, after);
        for (int i = 0; i < MostLines; i++)
        {
            int next = network.State();
            network.Skip(after, next);
            network.Edge(after, (byte)'\n', (byte)'\n', next);
            after = next;
        }

        return after;
    }

    /// <summary>Any text up to and with a tag leads from one state to another. No byte but the tag's first stands there twice.</summary>
    public static void UpTo(NetworkBuilder network, int from, string tag, int to)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(tag);
        int[] states = [from, .. Enumerable.Range(1, bytes.Length - 1).Select(_ => network.State()), to];
        for (int i = 0; i < bytes.Length; i++)
        {
            network.Edge(states[i], bytes[i], bytes[i], states[i + 1]);
            for (int b = 0; b < Network.TokenMark; b++)
            {
                if (b != bytes[i])
                {
                    network.Edge(states[i], (byte)b, (byte)b, b == bytes[0] ? states[1] : from);
                }
            }
        }

        if (GrammarVocabulary.Mark(tag) is { } mark)
        {
            for (int i = 0; i < bytes.Length; i++)
            {
                network.Edge(network.Literal(states[i], mark.AsSpan(0, 1)), mark[1], mark[1], to);
            }
        }
    }
}
