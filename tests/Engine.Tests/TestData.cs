namespace Lean.Engine.Tests;

/// <summary>Files that the tests read, copied beside the test program.</summary>
internal static class TestData
{
    /// <summary>The demo checkpoint's folder.</summary>
    internal static string Demo => System.IO.Path.Combine(AppContext.BaseDirectory, "Demo");

    /// <summary>A file or folder under tests/Engine.Tests/Data, such as "demo/greedy.json".</summary>
    internal static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "Data", name);
}
