namespace Lean.Engine.Weights;

/// <summary>One of several parts of a divided dimension, such as q, k and v.</summary>
/// <param name="Extent">How many indices it has in all.</param>
/// <param name="Unit">How many consecutive ones never part.</param>
/// <param name="Shared">Whether ranks that share a group of heads each hold its unit.</param>
internal readonly record struct WeightPart(long Extent, long Unit, bool Shared = false);
