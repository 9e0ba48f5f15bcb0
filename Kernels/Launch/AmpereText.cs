namespace Lean.Kernels;

/// <summary>
/// PTX for Ampere, from that for Hopper: the same text without what lets launches overlap, which Ampere has not. So a binary
/// carries one of the two. Also compiled into the build, which checks what comes out.
/// </summary>
internal static class AmpereText
{
    /// <summary>Ampere.</summary>
    public const string Target = "sm_80";

    /// <summary>Hopper.</summary>
    public const string Source = "sm_90";

    /// <summary>What is first of all where a kernel does not say itself when to wait.</summary>
    public const string Prologue = "\n\tgriddepcontrol.launch_dependents;\n\tgriddepcontrol.wait;";

    private const string Directive = ".target ";

    private static readonly string[] s_instructions = ["griddepcontrol.", "cp.async.bulk.prefetch."];

    /// <summary>Takes the instructions out, and names the architecture.</summary>
    /// <param name="hopper">PTX of one entry for <see cref="Source"/>.</param>
    public static string Of(string hopper)
    {
        int body = hopper.IndexOf("\n{", StringComparison.Ordinal) + 2, target = hopper.IndexOf(Directive + Source, StringComparison.Ordinal) + Directive.Length;
        if (body < 2 || target < Directive.Length)
        {
            throw new ArgumentException($"expected PTX of one entry for {Source}", nameof(hopper));
        }

        string text = string.CompareOrdinal(hopper, body, Prologue, 0, Prologue.Length) == 0 ? hopper.Remove(body, Prologue.Length) : hopper;
        return WithoutOverlap(text.Remove(target, Source.Length).Insert(target, Target));
    }

    /// <summary>Takes the instructions out that a kernel has itself.</summary>
    public static string WithoutOverlap(string text)
    {
        foreach (string instruction in s_instructions)
        {
            for (int at = text.IndexOf(instruction, StringComparison.Ordinal); at >= 0; at = text.IndexOf(instruction, at, StringComparison.Ordinal))
            {
                text = text.Remove(at, text.IndexOf(';', at) + 1 - at);
            }
        }

        return text;
    }
}
