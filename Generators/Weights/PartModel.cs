namespace Lean.Generators.Weights;

/// <summary>One part of a divided dimension: its extent and its unit, as C# expressions.</summary>
internal sealed record PartModel(string Extent, string Unit);
