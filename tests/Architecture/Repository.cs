using System.Runtime.CompilerServices;

namespace Lean.Architecture.Tests;

/// <summary>The repository's files, as git would list them: without what builds leave behind.</summary>
internal static class Repository
{
    private static readonly string[] Built = ["bin", "obj", "out", ".git", ".vs", ".idea", "TestResults", "BenchmarkDotNet.Artifacts"];

    /// <summary>The repository's root.</summary>
    internal static string Root { get; } = Find();

    /// <summary>All files below a folder, relative to the root, with forward slashes.</summary>
    internal static IEnumerable<string> Files(string folder = "") => Walk(Path.Combine(Root, folder))
        .Select(f => Path.GetRelativePath(Root, f).Replace('\\', '/'));

    /// <summary>A file's text.</summary>
    internal static string Text(string file) => File.ReadAllText(Path.Combine(Root, file));

    private static IEnumerable<string> Walk(string folder) => Directory.EnumerateFiles(folder)
        .Concat(Directory.EnumerateDirectories(folder).Where(d => !Built.Contains(Path.GetFileName(d))).SelectMany(Walk));

    private static string Find([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../.."));
}
