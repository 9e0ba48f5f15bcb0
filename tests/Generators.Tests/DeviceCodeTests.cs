using System.Collections.Immutable;
using Lean.Generators.Kernels;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Lean.Generators.Tests;

public sealed class DeviceCodeTests
{
    private const string Loop = """
        public static class Kernel
        {
            public static int Sum(int[] x)
            {
                int sum = 0;
                for (int i = 0; i < 4; i++)
                {
                    if (x[i] < 0) { continue; }
                    sum += x[i];
                }
                return sum;
            }
        }
        """;

    [Fact]
    public async Task LEAN018_a_continue_in_device_code_is_refused()
    {
        Diagnostic found = Assert.Single(await Messages("Lean.Kernels.Device", Loop));
        Assert.Equal("LEAN018", found.Id);
        Assert.Equal(7, found.Location.GetLineSpan().StartLinePosition.Line);
        Assert.StartsWith("Kernel: ", found.GetMessage(null), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_code_may_continue() => Assert.Empty(await Messages("Lean.Kernels", Loop));

    [Fact]
    public async Task Device_code_without_one_is_fine() =>
        Assert.Empty(await Messages("Lean.Kernels.Device", Loop.Replace("continue;", "sum--;", StringComparison.Ordinal)));

    private static Task<ImmutableArray<Diagnostic>> Messages(string assembly, string source) => CSharpCompilation
        .Create(assembly, [CSharpSyntaxTree.ParseText(source)], options: new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary))
        .WithAnalyzers([new DeviceCodeAnalyzer()]).GetAnalyzerDiagnosticsAsync();
}
