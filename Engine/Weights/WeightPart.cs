namespace Lean.Engine.Weights;

/// <summary>One of several parts that lie end to end along a divided dimension, such as q, k and v.</summary>
/// <param name="Extent">How many indices it has.</param>
/// <param name="Unit">How many consecutive ones never part.</param>
internal readonly record struct WeightPart(long Extent, long Unit);
