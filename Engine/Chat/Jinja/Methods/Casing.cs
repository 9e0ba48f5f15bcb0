using System.Collections.Frozen;
using System.Text;

namespace Lean.Engine.Chat.Jinja.Methods;

/// <summary>Upper and lower case, with those letters that become several.</summary>
internal static class Casing
{
    // From Unicode's SpecialCasing, without the Greek letters with an iota below.
    private static readonly FrozenDictionary<int, string> s_upper = new Dictionary<int, string>
    {
        ['ß'] = "SS",
        ['ŉ'] = "ʼN",
        ['ǰ'] = "J̌",
        ['ΐ'] = "Ϊ́",
        ['ΰ'] = "Ϋ́",
        ['և'] = "ԵՒ",
        ['ẖ'] = "H̱",
        ['ẗ'] = "T̈",
        ['ẘ'] = "W̊",
        ['ẙ'] = "Y̊",
        ['ẚ'] = "Aʾ",
        ['ﬀ'] = "FF",
        ['ﬁ'] = "FI",
        ['ﬂ'] = "FL",
        ['ﬃ'] = "FFI",
        ['ﬄ'] = "FFL",
        ['ﬅ'] = "ST",
        ['ﬆ'] = "ST",
    }.ToFrozenDictionary();

    public static string Upper(string text) => Ascii.IsValid(text) ? text.ToUpperInvariant() : Map(text, static (_, _, rune) => Upper(rune));

    public static string Lower(string text) => Ascii.IsValid(text) ? text.ToLowerInvariant() : Map(text, Lower);

    public static string Capitalize(string text) => Map(text, static (whole, place, rune) => place == 0 ? First(rune) : Lower(whole, place, rune));

    public static string Swap(string text) => Map(text, static (whole, place, rune) =>
        Rune.IsUpper(rune) ? Lower(whole, place, rune) : Rune.IsLower(rune) ? Upper(rune) : rune.ToString());

    public static string Fold(string text) => Map(text, static (_, _, rune) =>
        s_upper.TryGetValue(rune.Value, out string? upper) ? upper.ToLowerInvariant() : rune.Value == 'ς' ? "σ" : Rune.ToLowerInvariant(rune).ToString());

    /// <summary>Every first letter of a run of letters in upper case, as str.title does it.</summary>
    public static string Title(string text)
    {
        bool inside = false;
        return Map(text, (whole, place, rune) =>
        {
            bool first = !inside;
            inside = Kinds.HasCase(rune);
            return first ? First(rune) : Lower(whole, place, rune);
        });
    }

    // A letter that becomes two keeps only the first of them in upper case.
    private static string First(Rune rune)
    {
        string upper = Upper(rune);
        return upper.Length > rune.Utf16SequenceLength ? upper[0] + upper[1..].ToLowerInvariant() : upper;
    }

    private static string Upper(Rune rune) => s_upper.TryGetValue(rune.Value, out string? several) ? several : Rune.ToUpperInvariant(rune).ToString();

    private static string Lower(string text, int place, Rune rune) => rune.Value switch
    {
        'İ' => "i̇",
        'Σ' => IsFinal(text, place) ? "ς" : "σ",
        _ => Rune.ToLowerInvariant(rune).ToString(),
    };

    // A sigma is final after a letter and before none.
    private static bool IsFinal(string text, int place) =>
        place > 0 && char.IsLetter(text[place - 1]) && (place + 1 == text.Length || !char.IsLetter(text[place + 1]));

    private static string Map(string text, Func<string, int, Rune, string> map)
    {
        var output = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length;)
        {
            if (Rune.TryGetRuneAt(text, i, out Rune rune))
            {
                output.Append(map(text, i, rune));
                i += rune.Utf16SequenceLength;
            }
            else
            {
                output.Append(text[i++]);
            }
        }

        return output.ToString();
    }
}
