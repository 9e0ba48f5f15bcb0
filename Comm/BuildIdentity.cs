using System.Reflection;

namespace Lean.Comm;

/// <summary>Which build this is: ranks of different builds may order sums differently, so they are not mixed.</summary>
public static class BuildIdentity
{
    /// <summary>The program's version, and an id that differs whenever anything it was compiled from does.</summary>
    public static string Current { get; } = Of(Assembly.GetEntryAssembly() ?? typeof(BuildIdentity).Assembly);

    private static string Of(Assembly program)
    {
        string version = program.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";
        // Compilation is deterministic, so a module's id is a hash of its source; the version holds the commit of the rest.
        return $"{version}/{program.ManifestModule.ModuleVersionId:N}/{typeof(BuildIdentity).Module.ModuleVersionId:N}";
    }
}
