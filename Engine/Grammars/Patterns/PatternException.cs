namespace Lean.Engine.Grammars.Patterns;

/// <summary>A pattern that cannot be enforced; the message continues "the pattern …".</summary>
internal sealed class PatternException(string message) : Exception(message);
