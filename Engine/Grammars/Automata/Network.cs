namespace Lean.Engine.Grammars.Automata;

/// <summary>
/// A grammar as automata over bytes that call each other: a rule per schema, each with a counter. States are numbered
/// through; a rule begins in its start state, and whoever called it goes on where its end state is reached.
/// </summary>
internal sealed class Network
{
    /// <summary>How deep values without a schema may nest; parsers commonly stop at 64.</summary>
    public const int DeepestFreeValue = 48;

    /// <summary>The first of two bytes that stand for a token added to the vocabulary; no UTF-8 holds it.</summary>
    public const byte TokenMark = 0xFF;

    /// <summary>Per state the bytes that lead on.</summary>
    public required ByteEdge[][] Bytes { get; init; }

    /// <summary>Per state the steps that read nothing.</summary>
    public required Step[][] Steps { get; init; }

    /// <summary>Per state whether it ends its rule.</summary>
    public required bool[] Ends { get; init; }

    /// <summary>Per state the rule it belongs to.</summary>
    public required int[] RuleOf { get; init; }

    /// <summary>Per state whether the characters of a string stand there, any of which lead back to it.</summary>
    public required bool[] IsText { get; init; }

    /// <summary>The rules, callers before those they call without having read anything.</summary>
    public required Rule[] Rules { get; init; }

    /// <summary>The rule that is the whole.</summary>
    public required int Root { get; init; }

    /// <summary>Which bytes are told apart: per byte the number of its class.</summary>
    public required byte[] Classes { get; init; }

    /// <summary>How many classes there are.</summary>
    public required int ClassCount { get; init; }

    /// <summary>A range of bytes and the state it leads to.</summary>
    internal readonly record struct ByteEdge(byte First, byte Last, int Target);

    /// <summary>A step that reads nothing: to another state, or through a rule to it.</summary>
    /// <param name="Target">The state.</param>
    /// <param name="Guard">When.</param>
    /// <param name="Called">The rule, or −1.</param>
    internal readonly record struct Step(int Target, Guard Guard, int Called);

    /// <summary>A rule.</summary>
    /// <param name="Start">Its first state.</param>
    /// <param name="Least">The lower limit of its counter.</param>
    /// <param name="Most">The upper limit, or null.</param>
    internal readonly record struct Rule(int Start, int Least, int? Most);
}
