using System.Diagnostics;
using System.Text.RegularExpressions;
using Lean.Tensors;

namespace Lean.Engine.Tests.Fuzzing;

/// <summary>How a reader took one input.</summary>
/// <param name="Way">Names the way: "accepted", or the calls that ended in the refusal and its sentence without its particulars.</param>
/// <param name="Fault">What is wrong with it, or null.</param>
internal readonly partial record struct Verdict(string Way, string? Fault)
{
    /// <summary>The way of an input that was accepted.</summary>
    public const string Accepted = "accepted";

    private const int LongestSentence = 1000;
    private const long AllocatedPerByte = 1000;
    private const int Frames = 4;

    /// <summary>Names the kind of fault: its sentence without particulars, and for an exception where it was thrown; "" where there is none.</summary>
    public string Kind => Fault is null ? "" : IsThrown ? Way : Particulars().Replace(Fault, "…");

    /// <summary>Whether the fault is an exception that should not have left the reader.</summary>
    private bool IsThrown { get; init; }

    /// <summary>Gives a reader an input and judges what it does.</summary>
    public static Verdict Of(FuzzTarget target, byte[] input)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        string way = Accepted;
        string? fault = null;
        bool isThrown = false;
        try
        {
            target.Read(input);
        }
        catch (InputException refusal)
        {
            way = $"{Throwers(refusal)}: {Particulars().Replace(refusal.Message, "…")}";
            fault = Sentence(refusal.Message);
        }
#pragma warning disable CA1031 // Any other exception is what fuzzing looks for.
        catch (Exception thrown)
#pragma warning restore CA1031
        {
            way = $"{thrown.GetType().Name} in {Throwers(thrown)}";
            isThrown = true;
            fault = $"{thrown.GetType()}: {thrown.Message} {thrown.StackTrace}";
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        long limit = target.AllocationLimit + (input.Length * AllocatedPerByte);
        return new Verdict(way, fault ?? (allocated > limit ? $"allocated {allocated:N0} bytes for an input of {input.Length:N0}" : null)) { IsThrown = isThrown };
    }

    private static string? Sentence(string message) =>
        string.IsNullOrWhiteSpace(message) ? "refused without a sentence"
        : message.Length > LongestSentence ? $"refused with {message.Length} characters"
        : message.Any(char.IsControl) ? "refused with control characters in the sentence"
        : message.Contains("Exception", StringComparison.Ordinal) || message.Contains("System.", StringComparison.Ordinal) ? $"refused with the runtime's words: {message}"
        : null;

    // The innermost calls tell paths through a reader apart, whatever its sentences quote.
    private static string Throwers(Exception thrown) =>
        string.Join(" < ", new StackTrace(thrown).GetFrames().Take(Frames).Select(f => $"{f.GetMethod()?.Name}+{f.GetILOffset()}"));

    [GeneratedRegex("""'.*'|".*"|/[^ :,]*|-?[0-9][0-9.,eE+]*""")]
    private static partial Regex Particulars();
}
