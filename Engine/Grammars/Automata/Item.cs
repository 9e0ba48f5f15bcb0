namespace Lean.Engine.Grammars.Automata;

/// <summary>One way to have read the text so far.</summary>
/// <param name="State">The state it has led to.</param>
/// <param name="Counter">The counter of that state's rule.</param>
/// <param name="Parent">Where it goes on when the rule ends; null for the whole.</param>
internal readonly record struct Item(int State, int Counter, Frame? Parent);
