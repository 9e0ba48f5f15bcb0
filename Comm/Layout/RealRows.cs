namespace Lean.Comm;

/// <summary>Rows that belong to sequences. They drive state, caches, routing and sampling; nothing else may.</summary>
/// <param name="Count">How many, 0 or more.</param>
public readonly record struct RealRows(int Count);
