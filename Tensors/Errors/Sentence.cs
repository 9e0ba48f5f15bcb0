using System.Text;

namespace Lean.Tensors;

/// <summary>
/// Makes a message fit to print: messages quote files and requests, which may hold anything, and a terminal obeys
/// control characters.
/// </summary>
internal static class Sentence
{
    /// <summary>The longest message, in characters: what a list of 40 tensors takes.</summary>
    public const int Longest = 8000;

    private const string Cut = " … ";

    /// <summary>The message without control characters and half surrogates, its middle left out where it is too long. Lists stay: a line break before two spaces.</summary>
    public static string Of(string message)
    {
        string shown = message.Length <= Longest
            ? message
            : string.Concat(message.AsSpan(0, Longest / 2), Cut, message.AsSpan(message.Length - (Longest / 2) + Cut.Length));
        var clean = new StringBuilder(shown.Length);
        int at = 0;
        foreach (Rune rune in shown.EnumerateRunes())
        {
            bool isItem = rune.Value == '\n' && shown.AsSpan(at + 1).StartsWith("  ");
            clean.Append(Rune.IsControl(rune) && !isItem ? "·" : rune.ToString());
            at += rune.Utf16SequenceLength;
        }

        return clean.ToString();
    }
}
