using System.Diagnostics;

namespace Lean.Kernels.Tests;

/// <summary>Compiles a library that stands in for a driver's, from C that lies beside the test program, where there is a C compiler.</summary>
/// <param name="sources">The folder of the C files, below the test program's.</param>
/// <param name="name">The file's name, which is the driver's.</param>
internal sealed class NativeLibraryBuild(string sources, string name)
{
    // What all stand-ins are built with.
    private const string Shared = "StandIns";

    private readonly Lazy<DirectoryInfo> _folder = new(() =>
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lean-standin-");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Delete(recursive: true);
        Compile(sources, Path.Combine(folder.FullName, name), name);
        return folder;
    });

    /// <summary>Why none can be built here, or null.</summary>
    internal static string? WhyUnavailable { get; } = !OperatingSystem.IsLinux() ? "stand-ins for drivers are Linux libraries"
        : Compiler is null ? "stand-ins for drivers need a C compiler"
        : null;

    private static string? Compiler => OnPath("clang", "clang-14", "gcc", "cc");

    /// <summary>The folder that holds the library, for LD_LIBRARY_PATH.</summary>
    internal string Folder => _folder.Value.FullName;

    /// <summary>The library.</summary>
    internal string Library => Path.Combine(Folder, name);

    /// <summary>The first of some programs that the PATH has, or null.</summary>
    internal static string? OnPath(params string[] tools) => tools
        .SelectMany(tool => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Where(f => f.Length > 0).Select(f => Path.Combine(f, tool)))
        .FirstOrDefault(File.Exists);

    /// <summary>Compiles a library; under another name a process may hold a second one.</summary>
    internal static void Compile(string sources, string library, string name)
    {
        string shared = Path.Combine(AppContext.BaseDirectory, Shared);
        string[] own = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, sources), "*.c"), files = [.. own, .. Directory.GetFiles(shared, "*.c")];
        Assert.True(own.Length > 0 && files.Length > own.Length, $"no C files in {sources} or {Shared}");
        string[] options = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I", shared, $"-Wl,-soname,{name}", "-o", library];
        using Process compiling = Process.Start(new ProcessStartInfo(Compiler!, [.. options, .. files, "-ldl", "-lpthread"]) { RedirectStandardError = true })!;
        string errors = compiling.StandardError.ReadToEnd();
        compiling.WaitForExit();
        Assert.True(compiling.ExitCode == 0, errors);
    }
}
