using System.Text.RegularExpressions;

namespace Lean.Kernels.Compiler;

/// <summary>
/// Numbers that ILGPU gives to types, labels and parameters count up over a whole run. Renumbered by first appearance,
/// a kernel's text changes only when the kernel does, and so do the caches that are keyed by it.
/// </summary>
internal static partial class SymbolNumbers
{
    /// <summary>Renumbers a text.</summary>
    public static string Renumber(string text)
    {
        var numbers = new Dictionary<string, int>();
        return Number().Replace(text, match =>
        {
            if (!numbers.TryGetValue(match.Value, out int number))
            {
                numbers.Add(match.Value, number = numbers.Count);
            }

            return $"_{number}";
        });
    }

    [GeneratedRegex(@"(?<=[A-Za-z])_\d+(?![A-Za-z\d])(?<!\.target sm_\d+)")]
    private static partial Regex Number();
}
