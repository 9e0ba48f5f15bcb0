using System.Text;
using Lean.Engine.Grammars;
using Lean.Engine.Text;

namespace Lean.Engine.Tests.Grammars;

/// <summary>Text made of nothing but what a grammar allows: tokens drawn among those of its mask, and after a while the shortest way out.</summary>
internal sealed class GrammarWalk(Grammar grammar, Tokenizer tokenizer, Random random)
{
    // What ends values, so that a text that has become long enough comes to its end.
    private const string Closers = "\"0}]n";
    private const int MostTokens = 4000;

    private readonly uint[] _mask = new uint[grammar.Vocabulary.Words];

    /// <summary>Draws a text that is complete.</summary>
    /// <param name="state">Where it begins.</param>
    /// <param name="free">Tokens after which it looks for its end.</param>
    internal byte[] Complete(GrammarState state, int free)
    {
        var bytes = new List<byte>();
        for (int i = 0; i < MostTokens; i++)
        {
            if (state.IsFinal || (state.IsComplete && (i >= free || random.Next(4) == 0)))
            {
                return [.. bytes];
            }

            int token = Choose(state, i >= free);
            Assert.True(state.TryAccept(token), $"token {token} is in the mask and is not accepted after {Encoding.UTF8.GetString([.. bytes])}");
            bytes.AddRange(tokenizer.BytesOf(token));
        }

        throw new InvalidOperationException($"no end in sight: {Encoding.UTF8.GetString([.. bytes])}");
    }

    private int Choose(GrammarState state, bool closes)
    {
        state.FillMask(_mask, []);
        int[] allowed = [.. Enumerable.Range(0, grammar.Vocabulary.Size).Where(t => (_mask[t >> 5] >> (t & 31) & 1) != 0)];
        Assert.NotEmpty(allowed);
        foreach (char closer in closes ? Closers : "")
        {
            foreach (int token in allowed)
            {
                if (tokenizer.BytesOf(token) is [var only] && only == closer)
                {
                    return token;
                }
            }
        }

        return allowed[random.Next(allowed.Length)];
    }
}
