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

    /// <summary>The message without control characters and half surrogates, its middle left out where it is too long.</summary>
    public static string Of(string message)
    {
        string shown = message.Length <= Longest
            ? message
            : string.Concat(message.AsSpan(0, Longest / 2), Cut, message.AsSpan(message.Length - (Longest / 2) + Cut.Length));
        var clean = new StringBuilder(shown.Length);
        foreach (Rune rune in shown.EnumerateRunes())
        {
            clean.Append(Rune.IsControl(rune) ? "·" : rune.ToString());
        }

        return clean.ToString();
    }
}
