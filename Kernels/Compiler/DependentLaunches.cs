namespace Lean.Kernels.Compiler;

/// <summary>
/// Lets every kernel for Hopper start while the one before it still runs: launches overlap, results do not. A kernel that
/// says itself where it waits is left as it is; any other waits first of all. What L2 is asked for meanwhile goes the same way.
/// </summary>
internal static class DependentLaunches
{
    /// <summary>The architecture that has no such instructions.</summary>
    public const string Before = AmpereText.Target;

    /// <summary>The first that has them.</summary>
    public const string Since = AmpereText.Source;

    /// <summary>Puts the instructions in, or takes them out.</summary>
    /// <param name="target">The architecture.</param>
    /// <param name="text">PTX of one entry.</param>
    public static string Apply(string target, string text) =>
        target == Before ? AmpereText.WithoutOverlap(text)
        : text.Contains("griddepcontrol.wait", StringComparison.Ordinal) ? text
        : text.Insert(text.IndexOf("\n{", StringComparison.Ordinal) + 2, AmpereText.Prologue);
}
