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

    public static readonly DiagnosticDescriptor BadManifest = Kernels(
        "LEAN012", "The kernel manifest cannot be read",
        "kernels.json cannot be read: {0}");

    public static readonly DiagnosticDescriptor KernelName = Kernels(
        "LEAN013", "Every kernel has a name of its own in snake case",
        "kernel {0}: its name is not in snake case, or another kernel has it");

    public static readonly DiagnosticDescriptor ParameterType = Kernels(
        "LEAN014", "A kernel takes views of f32, i32 and bf16, ints and floats",
        "kernel {0}: '{1}' is {2}; a launcher can pass views of f32, i32 and bf16, i32 and f32");

    public static readonly DiagnosticDescriptor KernelExtent = Kernels(
        "LEAN015", "A kernel's extents are products of names and integers",
        "kernel {0}: '{1}' has \"{2}\", expected one to four products such as T or 2*I, divided by an integer only where it counts groups");

    public static readonly DiagnosticDescriptor UnboundExtent = Kernels(
        "LEAN016", "A kernel's extents are bound by its views",
        "kernel {0}: '{1}' uses {2}, which no view before it has as an extent of its own (an optional view binds nothing)");

    public static readonly DiagnosticDescriptor RowStride = Kernels(
        "LEAN017", "A row stride belongs to a view with rows",
        "kernel {0}: '{1}' is the row stride of '{2}', which is no view of two or more dimensions");

    public static readonly DiagnosticDescriptor DeviceContinue = Kernels(
        "LEAN018", "Device code has no continue",
        "{0}: the kernel compiler unrolls loops with 'continue' wrongly; turn the condition round and put the rest of the loop in its block");

    private static readonly ImmutableDictionary<string, DiagnosticDescriptor> All = new[]
    {
        NotPartial, NotTensor, Repetition, BadExpression, UnknownSymbol, Rank, DuplicateName, NotSettable,
        PartsWithoutSplit, PartsDoNotAddUp, Contradiction,
        BadManifest, KernelName, ParameterType, KernelExtent, UnboundExtent, RowStride, DeviceContinue,
    }.ToImmutableDictionary(d => d.Id);

    public static DiagnosticDescriptor ById(string id) => All[id];

    private static DiagnosticDescriptor Kernels(string id, string title, string message) =>
        new(id, title, message, "Kernels", DiagnosticSeverity.Error, isEnabledByDefault: true);

    private static DiagnosticDescriptor Weights(string id, string title, string message) =>
        new(id, title, message, "Weights", DiagnosticSeverity.Error, isEnabledByDefault: true);
}
