namespace Lean.Engine.Grammars.Automata;

/// <summary>Cuts a range of code points into sequences of byte ranges, each of which is exactly some part of it in UTF-8.</summary>
internal static class Utf8Sequences
{
    private static readonly int[] LastOfLength = [0x7F, 0x7FF, 0xFFFF, 0x10FFFF];

    /// <summary>Calls <paramref name="take"/> with the first and the last byte at each place of a sequence.</summary>
    /// <param name="first">The first code point; the range holds no surrogate.</param>
    /// <param name="last">The last one.</param>
    /// <param name="take">Takes a sequence; the arrays are its own.</param>
    public static void Split(int first, int last, Action<byte[], byte[]> take)
    {
        foreach (int end in LastOfLength)
        {
            if (first > last)
            {
                return;
            }

            if (first <= end)
            {
                SplitLength(first, int.Min(last, end), take);
                first = int.Max(first, end + 1);
            }
        }
    }

    // All code points have one length: cut until each place's bytes are independent of the others.
    private static void SplitLength(int first, int last, Action<byte[], byte[]> take)
    {
        for (int bits = 6; bits < 21; bits += 6)
        {
            int low = (1 << bits) - 1;
            if ((first & ~low) == (last & ~low))
            {
                break;
            }

            if ((first & low) != 0)
            {
                SplitLength(first, first | low, take);
                SplitLength((first | low) + 1, last, take);
                return;
            }

            if ((last & low) != low)
            {
                SplitLength(first, (last & ~low) - 1, take);
                SplitLength(last & ~low, last, take);
                return;
            }
        }

        take(Encode(first), Encode(last));
    }

    private static byte[] Encode(int codePoint)
    {
        Span<byte> bytes = stackalloc byte[4];
        return bytes[..new System.Text.Rune(codePoint).EncodeToUtf8(bytes)].ToArray();
    }
}
