using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Lean.Generators.Kernels;

/// <summary>
/// Holds device code to what the kernel compiler gets right. Its loop unrolling drops what follows a <c>continue</c>,
/// and since helpers are inlined into the kernels that call them, no device code may hold one.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class DeviceCodeAnalyzer : DiagnosticAnalyzer
{
    private const string DeviceAssembly = "Lean.Kernels.Device";

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Diagnostics.DeviceContinue];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.Analyze | GeneratedCodeAnalysisFlags.ReportDiagnostics);
        context.EnableConcurrentExecution();
        context.RegisterCompilationStartAction(static start =>
        {
            if (start.Compilation.AssemblyName == DeviceAssembly)
            {
                start.RegisterSyntaxNodeAction(
                    static node => node.ReportDiagnostic(Diagnostic.Create(
                        Diagnostics.DeviceContinue, node.Node.GetLocation(), node.ContainingSymbol?.ContainingType?.Name ?? "device code")),
                    SyntaxKind.ContinueStatement);
            }
        });
    }
}
