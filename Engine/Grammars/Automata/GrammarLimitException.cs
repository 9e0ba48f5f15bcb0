namespace Lean.Engine.Grammars.Automata;

/// <summary>A grammar that is too large or impossible; the message continues "the schema …".</summary>
internal sealed class GrammarLimitException(string message) : Exception(message);
