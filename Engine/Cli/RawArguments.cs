using System.Text.Unicode;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>
/// The arguments before they became strings. What is no UTF-8 becomes U+FFFD on the way, and a prompt, a stop text or a
/// folder would silently be another one.
/// </summary>
internal static class RawArguments
{
    private const char Replacement = '\uFFFD';
    private const string Source = "/proc/self/cmdline";
    private const int Most = 64 << 20;

    /// <summary>Refuses arguments that are not UTF-8, where the system tells.</summary>
    /// <exception cref="InputException">Names the argument and the byte.</exception>
    public static void Check(string[] arguments)
    {
        // Nearly never: whoever types U+FFFD itself is let through below.
        if (Array.Exists(arguments, static a => a.Contains(Replacement, StringComparison.Ordinal)) && File.Exists(Source))
        {
            Check(BoundedFile.Read(Source, Most), arguments.Length);
        }
    }

    /// <summary>Checks the last arguments of a command line, each of which ends in a zero byte.</summary>
    internal static void Check(ReadOnlySpan<byte> line, int arguments)
    {
        int skipped = line.Count((byte)0) - arguments;
        for (int i = 1; line.IndexOf((byte)0) is >= 0 and int end; line = line[(end + 1)..])
        {
            if (skipped-- > 0)
            {
                continue;
            }

            ReadOnlySpan<byte> argument = line[..end];
            if (!Utf8.IsValid(argument))
            {
                throw new InputException($"argument {i} is not valid UTF-8: {Utf8Fault.Describe(argument)}");
            }

            i++;
        }
    }
}
