using System.Globalization;
using System.Text.RegularExpressions;

namespace Lean.Kernels.Compiler;

/// <summary>
/// What compiled text must never hold. Each rule is a fault that a driver reports late, badly, or not at all: wrong
/// numbers from a missing fence, memory traffic from a spilled array, products that wait for each other, a call that only fails to link on the card.
/// </summary>
internal static partial class Gates
{
    // What a group can have on every card since Ampere, and on Hopper.
    private const int AmpereShared = 99 << 10, HopperShared = 227 << 10;

    // Each has the instructions of those before it.
    private static readonly string[] Architectures = ["sm_80", "sm_90", KernelBuild.HopperAlone];

    /// <summary>Checks PTX.</summary>
    /// <exception cref="BuildException">Names kernel, target and line.</exception>
    public static void CheckPtx(KernelDeclaration kernel, string target, string text)
    {
        CheckShared(kernel, target);
        var sums = new List<(int First, int Last)>();
        foreach ((int number, string line) in Lines(text))
        {
            foreach (Match product in Sums().Matches(line))
            {
                (int first, int last) = (Number(product, 1), Number(product, 2));
                bool isApart = sums.Exists(s => s.First != first && s.First <= last && first <= s.Last);
                sums.Add((first, last));
                Refuse(kernel, target, number, line, isApart ? "has products whose sums overlap and begin apart, for which the assembler has every product wait (C7511, \"insufficient register resources\"); let products of fewer sums have the first ones" : null);
            }

            foreach (string statement in Statements(line))
            {
                string? fault =
                    statement.Contains(".extern .func", StringComparison.Ordinal) ? "calls a function that no target has; use an intrinsic of Kernels/Device/Intrinsics"
                    : statement.Contains("call", StringComparison.Ordinal) && Call().IsMatch(statement) ? "calls a function instead of inlining it"
                    : statement.StartsWith(".local", StringComparison.Ordinal) ? "keeps an array in local memory; index it by constants and set Unroll, or use shared memory"
                    : Generic().IsMatch(statement) ? "loads or stores without an address space"
                    : Atomic().IsMatch(statement) ? "uses an atomic, whose order is nobody's"
                    : Placeholder().IsMatch(statement) ? "holds an operand that nothing was put in for"
                    : Later(statement, target) is { } needed ? $"uses an instruction of {needed}; the kernel needs [Cuda(\"{needed}\")]"
                    : null;
                Refuse(kernel, target, number, line, fault);
            }

            // Intrinsics may open a scope for names of their own, and close it in the same line.
            Refuse(kernel, target, number, line, line.Length > 1 && line.Count(c => c == '{') != line.Count(c => c == '}') ? "leaves a brace open" : null);
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

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    private static void CheckShared(KernelDeclaration kernel, string target)
    {
        int asked = kernel.Cuda?.SharedBytes ?? 0, most = target == KernelBuild.HopperAlone ? HopperShared : AmpereShared;
        if (asked > most)
        {
            throw new BuildException(kernel.Attribute, kernel.Name, $"on {target} it asks for {asked} bytes of shared memory; a group has at most {most}");
        }
    }

    private static string? Later(string statement, string target)
    {
        string? needed = OnlyHopper().IsMatch(statement) ? Architectures[2] : SinceHopper().IsMatch(statement) ? Architectures[1] : null;
        return needed is not null && Array.IndexOf(Architectures, needed) > Array.IndexOf(Architectures, target) ? needed : null;
    }

    // A line of PTX in parts that begin with an instruction: without comments, scopes, labels and predicates.
    private static IEnumerable<string> Statements(string line)
    {
        int comment = line.IndexOf("//", StringComparison.Ordinal);
        return (comment < 0 ? line : line[..comment]).Split(';').Select(part => Front().Replace(part, ""));
    }

    private static void Refuse(KernelDeclaration kernel, string target, int number, string line, string? fault)
    {
        if (fault is not null)
        {
            throw new BuildException(kernel.Attribute, kernel.Name, $"on {target} {fault} (line {number}: {line})");
        }
    }

    private static IEnumerable<(int Number, string Line)> Lines(string text) => text.Split('\n').Select((line, i) => (i + 1, line.Trim()));

    [GeneratedRegex(@"^(?:[\s{}]|@!?[%\w]+\s|[A-Za-z_]\w*:(?!:))*")]
    private static partial Regex Front();

    [GeneratedRegex(@"^call(\.uni)?\b")]
    private static partial Regex Call();

    [GeneratedRegex(@"^(atom|red)\.")]
    private static partial Regex Atomic();

    [GeneratedRegex(@"[$#@]\d|\btensormap\d")]
    private static partial Regex Placeholder();

    // A product's first sum and its last.
    [GeneratedRegex(@"wgmma\.mma_async\S* \{acc(\d+),[^}]*acc(\d+)\}")]
    private static partial Regex Sums();

    [GeneratedRegex(@"^(wgmma|setmaxnreg)\.")]
    private static partial Regex OnlyHopper();

    [GeneratedRegex(@"^(cp\.async\.bulk|mbarrier|fence\.(mbarrier_init|proxy)|stmatrix|griddepcontrol|elect|barrier\.cluster|mapa|st\.async)\b")]
    private static partial Regex SinceHopper();

    // ld and st name global, shared, param or const; what is left is generic, or local.
    [GeneratedRegex(@"^(ld|st)\.(?!(volatile\.|relaxed\.sys\.|async\.)?(global|shared|param|const)\b)")]
    private static partial Regex Generic();

    [GeneratedRegex(@"barrier\s*\(")]
    private static partial Regex Barrier();

    [GeneratedRegex(@"\bgeneric\b")]
    private static partial Regex GenericPointer();

    [GeneratedRegex(@"\b(half|double|sub_group_\w+|atomic_fetch_\w+)\b")]
    private static partial Regex OptionalFeature();
}
