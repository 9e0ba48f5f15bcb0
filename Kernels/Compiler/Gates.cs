using System.Text.RegularExpressions;

namespace Lean.Kernels.Compiler;

/// <summary>
/// What compiled text must never hold. Each rule is a fault that a driver reports late, badly, or not at all: wrong
/// numbers from a missing fence, memory traffic from a spilled array, a call that only fails to link on the card.
/// </summary>
internal static partial class Gates
{
    /// <summary>Checks PTX.</summary>
    /// <exception cref="BuildException">Names kernel, target and line.</exception>
    public static void CheckPtx(KernelDeclaration kernel, string target, string text)
    {
        foreach ((int number, string line) in Lines(text))
        {
            string? fault =
                line.Contains(".extern .func", StringComparison.Ordinal) ? "calls a function that no target has; use an intrinsic of Kernels/Device/Intrinsics"
                : line.Contains("call", StringComparison.Ordinal) && Call().IsMatch(line) ? "calls a function instead of inlining it"
                : line.StartsWith(".local", StringComparison.Ordinal) ? "keeps an array in local memory; index it by constants and set Unroll, or use shared memory"
                : Generic().IsMatch(line) ? "loads or stores without an address space"
                : null;
            Refuse(kernel, target, number, line, fault);
        }
    }

    /// <summary>Checks OpenCL C.</summary>
    /// <exception cref="BuildException">Names kernel, target and line.</exception>
    public static void CheckOpenCL(KernelDeclaration kernel, string text)
    {
        foreach ((int number, string line) in Lines(text))
        {
            string? fault =
                GenericPointer().IsMatch(line) ? "uses a generic pointer, which PoCL and OpenCL 1.2 refuse"
                : Barrier().IsMatch(line) && !line.Contains("CLK_LOCAL_MEM_FENCE", StringComparison.Ordinal) ? "has a barrier that does not order shared memory"
                : OptionalFeature().IsMatch(line) ? "uses a feature that OpenCL devices need not have"
                : null;
            Refuse(kernel, "opencl", number, line, fault);
        }
    }

    private static void Refuse(KernelDeclaration kernel, string target, int number, string line, string? fault)
    {
        if (fault is not null)
        {
            throw new BuildException(kernel.Attribute, kernel.Name, $"on {target} {fault} (line {number}: {line})");
        }
    }

    private static IEnumerable<(int Number, string Line)> Lines(string text) => text.Split('\n').Select((line, i) => (i + 1, line.Trim()));

    [GeneratedRegex(@"^(@\S+\s+)?call(\.uni)?\b")]
    private static partial Regex Call();

    // ld and st name global, shared, param or const; what is left is generic, or local.
    [GeneratedRegex(@"^(@\S+\s+)?(ld|st)\.(?!(volatile\.)?(global|shared|param|const)\b)")]
    private static partial Regex Generic();

    [GeneratedRegex(@"barrier\s*\(")]
    private static partial Regex Barrier();

    [GeneratedRegex(@"\bgeneric\b")]
    private static partial Regex GenericPointer();

    [GeneratedRegex(@"\b(half|double|sub_group_\w+|atomic_fetch_\w+)\b")]
    private static partial Regex OptionalFeature();
}
