namespace Lean.Generators.Weights;

/// <summary>One weight, ready to be written out: expressions are C# over locals named after the symbols.</summary>
internal sealed record WeightModel(
    string Property,
    string Name,
    EquatableArray<string> Shape,
    string Symbols,
    string Split,
    string ExpertSplit,
    string Unit,
    bool SharedUnits,
    string? Groups,
    bool Interleaved,
    EquatableArray<PartModel> Parts,
    string? Repeat);
