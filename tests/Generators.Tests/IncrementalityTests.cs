using Lean.Generators.Weights;
using Microsoft.CodeAnalysis;

namespace Lean.Generators.Tests;

public sealed class IncrementalityTests
{
    private const string First = """
        [WeightSet] internal partial class First { [Weight("a", "Hidden")] public required Tensor A { get; init; } }
        """;

    private const string Second = """
        [WeightSet] internal partial class Second { [Weight("b", "Heads")] public required Tensor B { get; init; } }
        """;

    private const string Other = "internal static class Other { public static int One => 1; }";

    [Theory]
    [InlineData(2, "internal static class Other { public static int Two => 2; }")]
    [InlineData(0, "// Moved down by a comment.\n" + First)]
    public void An_edit_that_changes_no_declaration_changes_no_output(int source, string text)
    {
        var run = new GeneratorRun(First, Second, Other);
        run.Edit(source, text);
        Assert.All(run.Reasons(WeightBindingGenerator.ReadStep), AssertKept);
        Assert.All(run.Reasons(WeightBindingGenerator.ModelStep), AssertKept);
        Assert.All(run.OutputReasons(), r => Assert.Equal(IncrementalStepRunReason.Cached, r));
        Assert.Equal(2, run.OutputReasons().Length);
    }

    [Fact]
    public void An_edited_declaration_writes_only_its_own_class_again()
    {
        var run = new GeneratorRun(First, Second, Other);
        run.Edit(0, First.Replace("Hidden", "2 * Hidden", StringComparison.Ordinal));
        Assert.Single(run.Reasons(WeightBindingGenerator.ReadStep), IncrementalStepRunReason.Modified);
        Assert.Single(run.OutputReasons(), IncrementalStepRunReason.Modified);
        Assert.Single(run.OutputReasons(), IncrementalStepRunReason.Cached);
        Assert.Contains("2 * hidden", run.Generated["Probe.First.Bind.g.cs"], StringComparison.Ordinal);
    }

    [Fact]
    public void A_mended_error_brings_the_code_back()
    {
        var run = new GeneratorRun(First.Replace("Hidden", "Hiden", StringComparison.Ordinal), Second);
        Assert.Single(run.Generated);
        run.Edit(0, First);
        Assert.Empty(run.Result.Diagnostics);
        Assert.Equal(2, run.Generated.Count);
    }

    private static void AssertKept(IncrementalStepRunReason reason) =>
        Assert.True(reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged, reason.ToString());
}
