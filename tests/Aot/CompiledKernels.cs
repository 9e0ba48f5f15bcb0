namespace Lean.Aot.Tests;

/// <summary>Where PoCL keeps what it compiled: the user's, as for tests in this process. What one has compiled, minutes of it, no other compiles again.</summary>
internal static class CompiledKernels
{
    private const string Variable = "POCL_CACHE_DIR";

    /// <summary>The variable that names it, for runs that get no other.</summary>
    internal static (string Name, string Value) Folder { get; } =
        (Variable, Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given ? given : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "pocl"));
}
