using System.Buffers;
using System.Text;

namespace Lean.Engine.Cli;

/// <summary>Says where bytes stop being UTF-8.</summary>
internal static class Utf8Fault
{
    /// <summary>The first byte that is part of no character, such as "byte 0xff at 17".</summary>
    public static string Describe(ReadOnlySpan<byte> bytes)
    {
        int at = 0;
        while (at < bytes.Length && Rune.DecodeFromUtf8(bytes[at..], out _, out int length) == OperationStatus.Done)
        {
            at += length;
        }

        return at < bytes.Length ? $"byte 0x{bytes[at]:x2} at {at}" : "nothing wrong with it";
    }
}
