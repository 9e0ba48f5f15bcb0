namespace Lean.Generators.Weights;

/// <summary>One part of a divided dimension: its extent and its unit, as C# expressions, and whether ranks share its units.</summary>
internal sealed record PartModel(string Extent, string Unit, bool Shared);
