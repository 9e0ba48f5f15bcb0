using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace Lean.Generators;

/// <summary>What the generators complain about; the ids are listed in the AnalyzerReleases files.</summary>
internal static class Diagnostics
{
    public static readonly DiagnosticDescriptor NotPartial = Weights(
        "LEAN001", "A weight set is a top-level, non-generic partial class",
        "{0} is marked [WeightSet] and must be a top-level, non-generic partial class, so that Bind can be added to it");

    public static readonly DiagnosticDescriptor NotTensor = Weights(
        "LEAN002", "A weight is a Tensor or a Tensor[]",
        "{0} is marked [Weight] and must be a Tensor or a Tensor[], not {1}");

    public static readonly DiagnosticDescriptor Repetition = Weights(
        "LEAN003", "A Tensor[], Repeat and {e} in the name belong together",
        "{0}: {1}");

    public static readonly DiagnosticDescriptor BadExpression = Weights(
        "LEAN004", "A shape expression cannot be read",
        "{0}: \"{1}\" cannot be read at character {2}: {3}");

    public static readonly DiagnosticDescriptor UnknownSymbol = Weights(
        "LEAN005", "A shape names something that is no integer property of ModelConfig",
        "{0}: {1} is not an integer property of ModelConfig; the nearest are {2}");

    public static readonly DiagnosticDescriptor Rank = Weights(
        "LEAN006", "A weight has one to four dimensions",
        "{0} has {1} dimensions; a weight has one to four");

    public static readonly DiagnosticDescriptor DuplicateName = Weights(
        "LEAN007", "Two weights of a set have one name",
        "{0} and {1} both take the tensor \"{2}\"");

    public static readonly DiagnosticDescriptor NotSettable = Weights(
        "LEAN008", "A weight's property is required and can be set",
        "{0} must be required and have an init or set accessor, so that no set exists without it");

    public static readonly DiagnosticDescriptor PartsWithoutSplit = Weights(
        "LEAN009", "Parts divide rows or columns",
        "{0} has Parts, which need Split (or, for experts, ExpertSplit) to be Rows or Columns, not {1}");

    public static readonly DiagnosticDescriptor PartsDoNotAddUp = Weights(
        "LEAN010", "Parts add up to the divided dimension",
        "{0}: the Parts add up to {1}, but the divided dimension is {2}");

    public static readonly DiagnosticDescriptor Contradiction = Weights(
        "LEAN011", "A weight's split contradicts itself",
        "{0}: {1}");

    private static readonly ImmutableDictionary<string, DiagnosticDescriptor> All = new[]
    {
        NotPartial, NotTensor, Repetition, BadExpression, UnknownSymbol, Rank, DuplicateName, NotSettable,
        PartsWithoutSplit, PartsDoNotAddUp, Contradiction,
    }.ToImmutableDictionary(d => d.Id);

    public static DiagnosticDescriptor ById(string id) => All[id];

    private static DiagnosticDescriptor Weights(string id, string title, string message) =>
        new(id, title, message, "Weights", DiagnosticSeverity.Error, isEnabledByDefault: true);
}
