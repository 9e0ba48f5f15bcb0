using System.Text;

namespace Lean.Engine.Text;

/// <summary>
/// GPT-2's byte-level alphabet: each byte is written as one visible character, so that vocabularies can be text.
/// Bytes that print in Latin-1 stand for themselves, the other 68 follow from U+0100 on (openai/gpt-2, encoder.py).
/// </summary>
internal static class ByteAlphabet
{
    private const int End = 0x100 + 68;

    private static readonly char[] Characters = new char[256];
    private static readonly short[] Bytes = new short[End];

    static ByteAlphabet()
    {
        Bytes.AsSpan().Fill(-1);
        char next = '\u0100';
        for (int value = 0; value < 256; value++)
        {
            bool visible = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            char character = visible ? (char)value : next++;
            Characters[value] = character;
            Bytes[character] = (short)value;
        }
    }

    internal static char CharacterOf(byte value) => Characters[value];

    internal static bool Contains(ReadOnlySpan<char> token)
    {
        foreach (char c in token)
        {
            if (c >= End || Bytes[c] < 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Writes the bytes a token stands for. A token with any character outside the alphabet (an added token with
    /// a space, say) stands for its own UTF-8, as in Hugging Face's decoder.
    /// </summary>
    /// <param name="token">The token as the file spells it.</param>
    /// <param name="destination">Room for three bytes per character of <paramref name="token"/>.</param>
    /// <returns>The number of bytes written.</returns>
    internal static int Decode(ReadOnlySpan<char> token, Span<byte> destination)
    {
        if (!Contains(token))
        {
            return Encoding.UTF8.GetBytes(token, destination);
        }

        for (int i = 0; i < token.Length; i++)
        {
            destination[i] = (byte)Bytes[token[i]];
        }

        return token.Length;
    }

    /// <summary>Spells bytes in the alphabet; <paramref name="destination"/> has one character per byte.</summary>
    internal static void Encode(ReadOnlySpan<byte> bytes, Span<char> destination)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            destination[i] = Characters[bytes[i]];
        }
    }
}
