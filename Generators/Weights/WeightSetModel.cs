namespace Lean.Generators.Weights;

/// <summary>One weight set, ready to be written out.</summary>
/// <param name="Namespace">Where the class lives.</param>
/// <param name="Name">The class.</param>
/// <param name="Symbols">The configuration properties its shapes use, sorted.</param>
/// <param name="Weights">Its weights, in the order of declaration.</param>
internal sealed record WeightSetModel(
    string Namespace, string Name, EquatableArray<string> Symbols, EquatableArray<WeightModel> Weights);
