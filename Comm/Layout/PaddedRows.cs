namespace Lean.Comm;

/// <summary>Rows that a buffer holds, of which the first are real. They size buffers and collectives; nothing else may be sized by them.</summary>
/// <param name="Count">How many, 0 or more.</param>
public readonly record struct PaddedRows(int Count);
