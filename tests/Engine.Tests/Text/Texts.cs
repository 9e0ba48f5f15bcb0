using System.Text;
using CsCheck;

namespace Lean.Engine.Tests.Text;

/// <summary>Random texts that meet the corners of tokenizers often.</summary>
internal static class Texts
{
    private static readonly string[] Corners =
    [
        "'", "s", "S", "\u017F", "t", "re", "RE", "Ve", "m", "LL", "l", "d", "D", "a", "b", "the", " the", "Z", "é", "e\u0301", "\u0301", "\u0308", "\u0323",
        "1", "23", "²", "Ⅷ", "\u0661", " ", "  ", "\t", "\n", "\r", "\r\n", "\u00A0", "\u0085", "\u2028", "\u3000", "\u200B",
        ".", "!", "-", "_", "€", "…", "(", "\0", "\u001F", "\uFFFD", "\uE000", "北", "京", "ひ", "\u3099", "か", "각", "\u1100", "\u1161", "\u11A8",
        "नि", "\u093F", "ﬁ", "K", "\u212A", "🙂", "👩\u200D👧", "𝒳", "𐐀", "𝟙", "𑄀", "𠀀", "\U000E0001", "\U0010FFFF", "𐞁", "\U0001D165", "𝅗𝅥",
        "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|", "|>",
    ];

    /// <summary>Well-formed UTF-16: corners, and any code point at all.</summary>
    internal static Gen<string> WellFormed { get; } =
        Gen.Frequency(
            (8, Gen.OneOf(Corners)),
            (1, Gen.Int[0, 0x10F7FF].Select(code => new Rune(code < 0xD800 ? code : code + 0x800).ToString())))
        .Array[0, 24].Select(string.Concat);
}
