namespace Lean.Engine.Grammars.Patterns;

/// <summary>Code points from one to another, both included.</summary>
internal readonly record struct CodePointRange(int First, int Last);
