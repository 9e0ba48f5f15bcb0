using System.Collections.Immutable;
using Lean.Generators.Weights;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

namespace Lean.Generators.Tests;

/// <summary>Runs the generator over sources beside the engine's vocabulary of weights, and remembers the run before.</summary>
internal sealed class GeneratorRun
{
    private static readonly CSharpParseOptions ParseOptions = new(LanguageVersion.Preview);

    private static readonly ImmutableArray<MetadataReference> References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(p => Path.GetFileName(p) is var f && (f.StartsWith("System.", StringComparison.Ordinal) || f is "Lean.Tensors.dll" or "Lean.Kernels.dll"))
            .Select(p => MetadataReference.CreateFromFile(p)),
    ];

    private GeneratorDriver _driver = CSharpGeneratorDriver.Create(
        [new WeightBindingGenerator().AsSourceGenerator()],
        parseOptions: ParseOptions,
        driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));

    public GeneratorRun(params string[] sources)
    {
        IEnumerable<SyntaxTree> vocabulary = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Vocabulary"))
            .Order(StringComparer.Ordinal).Select(p => Parse(File.ReadAllText(p), p));
        Input = CSharpCompilation.Create(
            "Probe",
            [Parse(GlobalUsings, "Usings.cs"), .. vocabulary, .. sources.Select((s, i) => Parse(Header + s, $"Source{i}.cs"))],
            References,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));
        Run();
    }

    public const string Header = "using Lean.Engine.Models; using Lean.Engine.Weights; using Lean.Tensors; namespace Probe;\n";

    private const string GlobalUsings = "global using System; global using System.Collections.Generic; global using System.Linq;";

    public CSharpCompilation Input { get; private set; }

    public CSharpCompilation Output { get; private set; } = null!;

    public GeneratorDriverRunResult Result { get; private set; } = null!;

    /// <summary>The generated sources by file name.</summary>
    public ImmutableDictionary<string, string> Generated =>
        Result.Results[0].GeneratedSources.ToImmutableDictionary(s => s.HintName, s => s.SourceText.ToString());

    /// <summary>What the compiler says of sources and output together.</summary>
    public IEnumerable<Diagnostic> CompilerMessages => Output.GetDiagnostics().Where(d => d.Severity >= DiagnosticSeverity.Warning);

    /// <summary>Replaces a source and runs again, so that steps can be compared with the run before.</summary>
    public void Edit(int source, string text)
    {
        SyntaxTree old = Input.SyntaxTrees.Single(t => t.FilePath == $"Source{source}.cs");
        Input = Input.ReplaceSyntaxTree(old, Parse(Header + text, old.FilePath));
        Run();
    }

    /// <summary>Why each output of a tracked step is what it is, compared with the run before.</summary>
    public ImmutableArray<IncrementalStepRunReason> Reasons(string step) =>
        [.. Result.Results[0].TrackedSteps[step].SelectMany(s => s.Outputs).Select(o => o.Reason)];

    /// <summary>The same for the generated files.</summary>
    public ImmutableArray<IncrementalStepRunReason> OutputReasons() =>
        [.. Result.Results[0].TrackedOutputSteps.SelectMany(s => s.Value).SelectMany(s => s.Outputs).Select(o => o.Reason)];

    private static SyntaxTree Parse(string text, string path) =>
        CSharpSyntaxTree.ParseText(SourceText.From(text, System.Text.Encoding.UTF8), ParseOptions, path);

    private void Run()
    {
        _driver = _driver.RunGeneratorsAndUpdateCompilation(Input, out Compilation output, out _);
        Output = (CSharpCompilation)output;
        Result = _driver.GetRunResult();
    }
}
