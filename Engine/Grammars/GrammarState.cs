using Lean.Engine.Grammars.Automata;

namespace Lean.Engine.Grammars;

/// <summary>
/// How far one sequence has come in its grammar. For one thread at a time. Once its grammar knows the places it comes to,
/// it allocates nothing.
/// </summary>
internal sealed class GrammarState
{
    /// <summary>How many tokens can be taken back.</summary>
    public const int MostTakenBack = Room - 1;

    // A power of two: places lie in a ring.
    private const int Room = 64;

    private readonly Configuration[] _places = new Configuration[Room];
    private readonly Grammar _grammar;
    private int _accepted;
    private int _known;

    /// <param name="grammar">The grammar.</param>
    public GrammarState(Grammar grammar)
    {
        _grammar = grammar;
        _places[0] = grammar.Start;
    }

    /// <summary>The grammar.</summary>
    public Grammar Grammar => _grammar;

    /// <summary>Whether the text may end here.</summary>
    public bool IsComplete => Here.IsComplete;

    /// <summary>Whether the text is complete and nothing can follow.</summary>
    public bool IsFinal => Here.IsFinal;

    private Configuration Here => _places[_accepted & (Room - 1)];

    /// <summary>Writes the tokens that may be chosen next, a bit each, the lowest id first.</summary>
    /// <param name="mask">⌈V / 32⌉ words; overwritten.</param>
    /// <param name="ends">Tokens that end the sequence: allowed where the text may end.</param>
    public void FillMask(Span<uint> mask, ReadOnlySpan<int> ends)
    {
        _grammar.Mask(Here).CopyTo(mask);
        if (IsComplete)
        {
            foreach (int end in ends)
            {
                mask[end >> 5] |= 1u << end;
            }
        }
    }

    /// <summary>Takes a token.</summary>
    /// <returns>False, and nothing has changed, where it may not follow.</returns>
    public bool TryAccept(int token)
    {
        Configuration next = _grammar.Next(Here, token);
        if (ReferenceEquals(next, Configuration.Dead))
        {
            return false;
        }

        _places[++_accepted & (Room - 1)] = next;
        _known = int.Min(_known + 1, MostTakenBack);
        return true;
    }

    /// <summary>Takes back the tokens accepted last.</summary>
    /// <param name="tokens">How many, at most <see cref="MostTakenBack"/>.</param>
    public void TakeBack(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, _known);
        (_accepted, _known) = (_accepted - tokens, _known - tokens);
    }
}
