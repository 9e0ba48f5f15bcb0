namespace Lean.Engine.Running;

/// <summary>A place in an <see cref="Arena"/>.</summary>
internal readonly record struct ArenaMark(int Block, long Used);
