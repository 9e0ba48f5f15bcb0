using Microsoft.CodeAnalysis;

namespace Lean.Generators.Tests;

public sealed class DiagnosticTests
{
    private const string Good = """[Weight("a", "Hidden")] public required Tensor A { get; init; }""";

    [Theory]
    [InlineData("class")]
    [InlineData("partial class", "<T>")]
    public void LEAN001_a_set_is_a_plain_partial_class(string kind, string parameters = "") =>
        Check($"[WeightSet] internal {kind} Set{parameters} {{ {Good} }}", "LEAN001", "Set", "top-level, non-generic partial class");

    [Fact]
    public void LEAN001_a_set_is_not_nested() =>
        Check($"internal partial class Outer {{ [WeightSet] internal partial class Set {{ {Good} }} }}", "LEAN001", "Set", "top-level");

    [Theory]
    [InlineData("int")]
    [InlineData("Tensor[,]")]
    [InlineData("List<Tensor>")]
    public void LEAN002_a_weight_is_a_tensor(string type) =>
        CheckProperty($$"""[Weight("a", "Hidden")] public required {{type}} A { get; init; }""", "LEAN002", "A", "must be a Tensor or a Tensor[], not");

    [Theory]
    [InlineData("Tensor[]", "x.{e}", "", "needs Repeat")]
    [InlineData("Tensor[]", "x", ", Repeat = \"Experts\"", "needs {e} in its name")]
    [InlineData("Tensor", "x", ", Repeat = \"Experts\"", "Repeat needs the property to be a Tensor[]")]
    [InlineData("Tensor", "x.{e}", "", "{e} in the name needs")]
    public void LEAN003_repetition_is_consistent(string type, string name, string argument, string problem) => CheckProperty(
        $$"""[Weight("{{name}}", "Hidden"{{argument}})] public required {{type}} A { get; init; }""", "LEAN003", $"\"{name}\"", problem);

    [Theory]
    [InlineData("2 * ", "\"", "at character 5: expected a symbol, an integer or '(', found the end")]
    [InlineData("2 ** Hidden", "*", "at character 4: expected a symbol, an integer or '(', found '*'")]
    [InlineData("(Hidden", "\"", "at character 8: expected ')', found the end")]
    [InlineData("Hidden Heads", "H", "at character 8: expected an operator or the end, found 'H'")]
    [InlineData("Hidden % 2", "%", "at character 8: expected an operator or the end, found '%'")]
    [InlineData("", "\"", "at character 1: expected a symbol")]
    [InlineData("99999999999", "9", "at character 1: 99999999999 is too large an integer")]
    public void LEAN004_a_bad_expression_is_shown_where_it_goes_wrong(string extent, string place, string problem) =>
        CheckProperty($$"""[Weight("a", "{{extent}}")] public required Tensor A { get; init; }""", "LEAN004", place, problem);

    [Theory]
    [InlineData("2 * Hiden", "Hiden", "Hiden is not an integer property of ModelConfig; the nearest are Hidden,")]
    [InlineData("NormEpsilon", "NormEpsilon", "not an integer property")]
    [InlineData("ValueHead", "ValueHead", "the nearest are ValueHeads,")]
    public void LEAN005_an_unknown_symbol_is_told_its_neighbours(string extent, string place, string problem) =>
        CheckProperty($$"""[Weight("a", "Heads", "{{extent}}")] public required Tensor A { get; init; }""", "LEAN005", place, problem);

    [Theory]
    [InlineData("", "0 dimensions")]
    [InlineData(", \"1\", \"1\", \"1\", \"1\", \"1\"", "5 dimensions")]
    public void LEAN006_a_weight_has_one_to_four_dimensions(string extents, string problem) => CheckProperty(
        $$"""[Weight("a"{{extents}})] public required Tensor A { get; init; }""", "LEAN006", $"Weight(\"a\"{extents})", problem);

    [Fact]
    public void LEAN007_a_name_is_used_once() =>
        CheckProperty($$"""{{Good}} [Weight("a", "Heads")] public required Tensor B { get; init; }""", "LEAN007", "\"a\"", "A and B both take the tensor \"a\"");

    [Theory]
    [InlineData("public Tensor A { get; init; }")]
    [InlineData("public Tensor A { get; }")]
    [InlineData("public Tensor A => default;")]
    public void LEAN008_a_weight_is_required_and_settable(string property) =>
        CheckProperty($"""[Weight("a", "Hidden")] {property}""", "LEAN008", "A", "must be required");

    [Theory]
    [InlineData("")]
    [InlineData(", Split = TensorSplit.Experts")]
    public void LEAN009_parts_need_a_division(string split) => CheckProperty(
        $$"""[Weight("a", "Hidden", "Hidden"{{split}}, Parts = ["Hidden"])] public required Tensor A { get; init; }""",
        "LEAN009", "[\"Hidden\"]", "need Split");

    [Fact]
    public void LEAN010_parts_add_up() => CheckProperty(
        """[Weight("a", "3 * Hidden", Split = TensorSplit.Rows, Parts = ["Hidden : 1", "Hidden"])] public required Tensor A { get; init; }""",
        "LEAN010", """["Hidden : 1", "Hidden"]""", "the Parts add up to Hidden + Hidden, but the divided dimension is 3 * Hidden");

    [Theory]
    [InlineData("\"Hidden * (Heads + 1)\"", "\"Heads * Hidden\", \"Hidden\"")]
    [InlineData("\"ConvChannels\"", "\"Hidden\"")]
    [InlineData("\"Hidden\"", "\"Hidden / 2\", \"Hidden / 2\"")]
    public void Parts_that_add_up_or_cannot_be_decided_pass(string extent, string parts)
    {
        var run = new GeneratorRun(Set($$"""[Weight("a", {{extent}}, Split = TensorSplit.Rows, Parts = [{{parts}}])] public required Tensor A { get; init; }"""));
        Assert.Empty(run.Result.Diagnostics);
        Assert.Empty(run.CompilerMessages);
    }

    [Theory]
    [InlineData("ExpertSplit = TensorSplit.Rows", "ExpertSplit needs Split = TensorSplit.Experts")]
    [InlineData("Split = TensorSplit.Experts, ExpertSplit = TensorSplit.Experts", "cannot be Experts")]
    [InlineData("Split = TensorSplit.Experts", "a dimension inside each expert")]
    [InlineData("Split = TensorSplit.Columns", "two dimensions or more")]
    [InlineData("Unit = \"2\"", "Unit needs rows or columns")]
    [InlineData("SharedUnits = true", "SharedUnits needs rows")]
    [InlineData("Groups = \"Heads\"", "Groups needs rows or columns")]
    [InlineData("Split = TensorSplit.Rows, SharedUnits = true", "shared units need Groups")]
    [InlineData("Split = TensorSplit.Rows, Parts = [\"Hidden : 1 : shared\"]", "shared units need Groups")]
    [InlineData("Split = TensorSplit.Rows, Interleaved = true", "Interleaved needs Groups")]
    [InlineData("Split = TensorSplit.Rows, Unit = \"2\", Parts = [\"Hidden\"]", "each part gives its own unit")]
    public void LEAN011_a_split_does_not_contradict_itself(string arguments, string problem) =>
        CheckProperty($$"""[Weight("a", "Hidden", {{arguments}})] public required Tensor A { get; init; }""", "LEAN011", null, problem);

    [Fact]
    public void A_set_with_an_error_gets_no_code_and_others_do()
    {
        var run = new GeneratorRun($"[WeightSet] internal class Bad {{ {Good} }} [WeightSet] internal partial class Fine {{ {Good} }}");
        Assert.Equal(["Probe.Fine.Bind.g.cs"], run.Generated.Keys);
    }

    [Fact]
    public void Every_id_and_title_stands_in_the_release_file()
    {
        string releases = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "AnalyzerReleases.Unshipped.md"));
        Assert.All(
            Enumerable.Range(1, 18).Select(i => Diagnostics.ById($"LEAN{i:000}")),
            d => Assert.Contains($"{d.Id} | {d.Category,-8} | Error    | {d.Title}\n", releases, StringComparison.Ordinal));
    }

    private static string Set(string property) => $"[WeightSet] internal sealed partial class Set {{ {property} }}";

    private static void CheckProperty(string property, string id, string? place, string problem) => Check(Set(property), id, place, problem);

    // Exactly one diagnostic, at the given text of the source, with these words.
    private static void Check(string source, string id, string? place, string problem)
    {
        var run = new GeneratorRun(source);
        Diagnostic found = Assert.Single(run.Result.Diagnostics);
        Assert.Equal(id, found.Id);
        Assert.Contains(problem, found.GetMessage(), StringComparison.Ordinal);
        Assert.Equal("Source0.cs", found.Location.GetLineSpan().Path);
        if (place is not null)
        {
            Assert.Equal(place, (GeneratorRun.Header + source).Substring(found.Location.SourceSpan.Start, found.Location.SourceSpan.Length));
        }
    }
}
