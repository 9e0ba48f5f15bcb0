namespace Lean.Aot.Tests;

/// <summary>Files of the repository that these tests read.</summary>
internal static class Repository
{
    /// <summary>The repository's root: the folder above the test program that holds the solution.</summary>
    internal static string Root { get; } = FindRoot();

    /// <summary>A file or folder of the engine's test data, such as "demo/greedy.json".</summary>
    internal static string Data(string name) => Path.Combine(Root, "tests/Engine.Tests/Data", name);

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Lean.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"there is no Lean.sln above {AppContext.BaseDirectory}");
    }
}
