namespace Lean.Kernels.Tests;

/// <summary>The stand-in for Level Zero's loader (StandIn/*.c), and what it runs kernels with.</summary>
internal static class StandInBuild
{
    private const string Sources = "LevelZeroStandIn";

    private static readonly NativeLibraryBuild s_build = new(Sources, "libze_loader.so.1");
    private static readonly Lazy<string> s_translator = new(WriteTranslator);

    /// <summary>Why it cannot be built here, or null.</summary>
    internal static string? WhyUnavailable => NativeLibraryBuild.WhyUnavailable;

    /// <summary>A script that turns SPIR-V into what PoCL takes, or "": then launches are checked and not run.</summary>
    internal static string Translator => Tools is null ? "" : s_translator.Value;

    /// <summary>The folder that holds the library, for LD_LIBRARY_PATH.</summary>
    internal static string Folder => s_build.Folder;

    /// <summary>The library.</summary>
    internal static string Library => s_build.Library;

    // PoCL is given optimised code: it compiles some loops between barriers wrong in the form that SPIR-V has them.
    private static (string Translator, string Optimizer)? Tools { get; } = ((string[])["-14", "-15", ""])
        .Select(v => (NativeLibraryBuild.OnPath("llvm-spirv" + v), NativeLibraryBuild.OnPath("clang" + v)) is ({ } translator, { } optimizer) ? (translator, optimizer) : default((string, string)?))
        .FirstOrDefault(t => t is not null);

    /// <summary>Compiles the library once more, under another name: a process may hold both.</summary>
    internal static void Compile(string library, string name) => NativeLibraryBuild.Compile(Sources, library, name);

    private static string WriteTranslator()
    {
        (string translator, string optimizer) = Tools!.Value;
        string script = Path.Combine(Folder, "translate");
        File.WriteAllText(script, $"set -e\n'{translator}' -r \"$1\" -o \"$2.raw\"\n'{optimizer}' -x ir -target spir64-unknown-unknown -O1 -emit-llvm -c \"$2.raw\" -o \"$2\"\nrm \"$2.raw\"\n");
        return script;
    }
}
