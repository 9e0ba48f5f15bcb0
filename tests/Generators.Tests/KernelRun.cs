using System.Collections.Immutable;
using Lean.Generators.Kernels;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

namespace Lean.Generators.Tests;

/// <summary>Runs the launcher generator over a manifest, beside stand-ins of the few types that launchers name.</summary>
internal sealed class KernelRun
{
    private const string Vocabulary = """
        using Lean.Tensors;
        namespace Lean.Kernels;
        public sealed class DeviceKernel { internal DeviceKernel(int i, string e, string o, int t, int s, int d, int c, bool k, string g, string v) { } }
        internal readonly struct KernelArgument
        {
            public static KernelArgument View(in Tensor t) => default;
            public static KernelArgument Map(in TensorMap m) => default;
            public static KernelArgument Int(int i) => default;
            public static KernelArgument Float(float f) => default;
        }
        internal struct TensorMap { }
        public abstract class KernelStream { internal TensorMap Encode(string k, string a, in Tensor t, int r, bool isStreamed) => default; internal abstract void Launch(DeviceKernel k, int x, int y, System.ReadOnlySpan<KernelArgument> a); }
        internal static class LaunchFault
        {
            [System.Diagnostics.CodeAnalysis.DoesNotReturn]
            public static void Throw(KernelStream s, string k, string a, in Tensor t, string e, string b) => throw new System.Exception();
            [System.Diagnostics.CodeAnalysis.DoesNotReturn]
            public static void ThrowStrided(KernelStream s, string k, string a, in Tensor t) => throw new System.Exception();
            public static string With(string s, long v, string a, string n, in Tensor t) => "";
            public static string And(string s, long v, string a, string n, in Tensor t) => "";
            public static int Groups(long e, int d, string k) => 0;
            public static int Int(long v, string k, string w) => 0;
        }
        """;

    private static readonly ImmutableArray<MetadataReference> References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(p => Path.GetFileName(p) is var f && (f.StartsWith("System.", StringComparison.Ordinal) || f == "Lean.Tensors.dll"))
            .Select(p => MetadataReference.CreateFromFile(p)),
    ];

    private static readonly CSharpParseOptions ParseOptions = new(LanguageVersion.Preview);

    private readonly CSharpCompilation _input = CSharpCompilation.Create(
        "Probe", [CSharpSyntaxTree.ParseText(Vocabulary, ParseOptions)], References,
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));

    private AdditionalText _manifest;
    private GeneratorDriver _driver;

    public KernelRun(string manifest)
    {
        _manifest = new Manifest(manifest);
        _driver = CSharpGeneratorDriver.Create(
            [new KernelLauncherGenerator().AsSourceGenerator()], [_manifest], ParseOptions,
            driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));
        Run();
    }

    public GeneratorDriverRunResult Result { get; private set; } = null!;

    /// <summary>What the compiler says of launchers and stand-ins together.</summary>
    public ImmutableArray<Diagnostic> CompilerMessages { get; private set; }

    public ImmutableDictionary<string, string> Generated =>
        Result.Results[0].GeneratedSources.ToImmutableDictionary(s => s.HintName, s => s.SourceText.ToString());

    /// <summary>Why each generated file is what it is, compared with the run before.</summary>
    public ImmutableArray<IncrementalStepRunReason> OutputReasons =>
        [.. Result.Results[0].TrackedOutputSteps.SelectMany(s => s.Value).SelectMany(s => s.Outputs).Select(o => o.Reason)];

    /// <summary>Replaces the manifest and runs again.</summary>
    public void Edit(string manifest)
    {
        var changed = new Manifest(manifest);
        _driver = _driver.ReplaceAdditionalText(_manifest, changed);
        _manifest = changed;
        Run();
    }

    /// <summary>A manifest of the kernels given.</summary>
    public static string Of(params string[] kernels) => $$"""{ "kernels": [ {{string.Join(", ", kernels)}} ] }""";

    /// <summary>A kernel with x [T, H] and y [T, H] and what else is given.</summary>
    public static string Kernel(string entry = "scale", string groups = "T", string threads = "256", string more = "", bool keepsRoom = false) => $$"""
        {
          "entry": "{{entry}}", "op": "scale", "threads": {{threads}}, "groups": "{{groups}}", "groupsY": "1", "sharedBytes": 0, "dynamicBytes": 0, "cluster": 0, "keepsRoom": {{(keepsRoom ? "true" : "false")}},
          "parameters": [
            { "name": "x", "type": "view", "element": "f32", "shape": "T, H", "optional": false },
            { "name": "y", "type": "view", "element": "f32", "shape": "T, H", "optional": false }{{more}}
          ],
          "targets": { "opencl": "0123" }
        }
        """;

    private void Run()
    {
        _driver = _driver.RunGeneratorsAndUpdateCompilation(_input, out Compilation output, out _);
        Result = _driver.GetRunResult();
        CompilerMessages = [.. output.GetDiagnostics().Where(d => d.Severity >= DiagnosticSeverity.Warning)];
    }

    private sealed class Manifest(string text) : AdditionalText
    {
        public override string Path => "obj/kernels.json";

        public override SourceText GetText(CancellationToken cancellationToken = default) => SourceText.From(text);
    }
}
