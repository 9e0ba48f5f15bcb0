using System.Diagnostics;

namespace Lean.Kernels.Tests;

/// <summary>
/// Compiles the stand-in for Level Zero's loader (StandIn/*.c, beside the test program) where there is a C compiler, and
/// finds what it runs kernels with.
/// </summary>
internal static class StandInBuild
{
    private const string Name = "libze_loader.so.1";

    private static readonly Lazy<DirectoryInfo> s_folder = new(Compile);

    /// <summary>Why it cannot be built here, or null.</summary>
    internal static string? WhyUnavailable { get; } = !OperatingSystem.IsLinux() ? "the stand-in for Level Zero is a Linux library"
        : Compiler is null ? "the stand-in for Level Zero needs a C compiler"
        : null;

    /// <summary>A script that turns SPIR-V into what PoCL takes, or "": then launches are checked and not run.</summary>
    internal static string Translator => Tools is null ? "" : Path.Combine(Folder, "translate");

    /// <summary>The folder that holds the library, for LD_LIBRARY_PATH.</summary>
    internal static string Folder => s_folder.Value.FullName;

    /// <summary>The library.</summary>
    internal static string Library => Path.Combine(Folder, Name);

    // PoCL is given optimised code: it compiles some loops between barriers wrong in the form that SPIR-V has them.
    private static (string Translator, string Optimizer)? Tools { get; } = ((string[])["-14", "-15", ""])
        .Select(v => (OnPath("llvm-spirv" + v), OnPath("clang" + v)) is ({ } translator, { } optimizer) ? (translator, optimizer) : default((string, string)?))
        .FirstOrDefault(t => t is not null);

    private static string? Compiler => OnPath("clang", "clang-14", "gcc", "cc");

    /// <summary>Compiles the library once more, under another name: a process may hold both.</summary>
    internal static void Compile(string library, string name)
    {
        string[] sources = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "StandIn"), "*.c");
        Assert.NotEmpty(sources);
        string[] options = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", $"-Wl,-soname,{name}", "-o", library];
        using Process compiling = Process.Start(new ProcessStartInfo(Compiler!, [.. options, .. sources, "-ldl", "-lpthread"]) { RedirectStandardError = true })!;
        string errors = compiling.StandardError.ReadToEnd();
        compiling.WaitForExit();
        Assert.True(compiling.ExitCode == 0, errors);
    }

    private static DirectoryInfo Compile()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lean-standin-");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Delete(recursive: true);
        Compile(Path.Combine(folder.FullName, Name), Name);
        if (Tools is { } tools)
        {
            string script = Path.Combine(folder.FullName, "translate");
            File.WriteAllText(script, $"set -e\n'{tools.Translator}' -r \"$1\" -o \"$2.raw\"\n'{tools.Optimizer}' -x ir -target spir64-unknown-unknown -O1 -emit-llvm -c \"$2.raw\" -o \"$2\"\nrm \"$2.raw\"\n");
        }

        return folder;
    }

    private static string? OnPath(params string[] tools) => tools
        .SelectMany(tool => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Where(f => f.Length > 0).Select(f => Path.Combine(f, tool)))
        .FirstOrDefault(File.Exists);
}
