namespace Lean.Generators.Weights;

/// <summary>What reading a class gave: a model where it is sound, and what is wrong with it where it is not.</summary>
internal sealed record WeightSetResult(WeightSetModel? Model, EquatableArray<DiagnosticInfo> Diagnostics);
