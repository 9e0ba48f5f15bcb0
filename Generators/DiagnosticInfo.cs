using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Lean.Generators;

/// <summary>A diagnostic as plain values, so that the pipeline can compare it and keeps no syntax tree alive.</summary>
internal sealed record DiagnosticInfo(
    string Id, string Path, TextSpan Span, LinePositionSpan Lines, EquatableArray<string> Arguments)
{
    public static DiagnosticInfo At(DiagnosticDescriptor descriptor, Location location, params string[] arguments) => new(
        descriptor.Id,
        location.SourceTree?.FilePath ?? string.Empty,
        location.SourceSpan,
        location.GetLineSpan().Span,
        new EquatableArray<string>([.. arguments]));

    public Diagnostic ToDiagnostic() => Diagnostic.Create(
        Diagnostics.ById(Id), Location.Create(Path, Span, Lines), [.. Arguments]);
}
