namespace Lean.Engine.Weights;

/// <summary>Consecutive indices of a dimension.</summary>
internal readonly record struct IndexRange(long Start, long Count);
