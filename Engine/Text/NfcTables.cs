namespace Lean.Engine.Text;

/// <summary><see cref="NfcData"/> unpacked for look-up, once, when the first text with a combining character comes.</summary>
internal static class NfcTables
{
    internal const int HangulBase = 0xAC00;
    internal const int HangulCount = 11172;
    internal const int LeadBase = 0x1100;
    internal const int VowelBase = 0x1161;
    internal const int TrailBase = 0x11A7;
    internal const int VowelCount = 21;
    internal const int TrailCount = 28;

    private static readonly Dictionary<int, (int First, int Second)> Decompositions = [];
    private static readonly Dictionary<long, int> Compositions = [];
    private static readonly Dictionary<int, byte> Classes = [];

    /// <summary>Code points that can change, or change a neighbour, when text is composed; a bit each below U+10000.</summary>
    private static readonly ulong[] UnstableBelow64K = new ulong[1024];

    private static readonly HashSet<int> UnstableAbove = [];

    static NfcTables()
    {
        ReadOnlySpan<int> classes = NfcData.Classes;
        for (int i = 0; i < classes.Length; i += 3)
        {
            for (int code = classes[i]; code <= classes[i + 1]; code++)
            {
                Classes[code] = (byte)classes[i + 2];
                MarkUnstable(code);
            }
        }

        ReadOnlySpan<int> parts = NfcData.Decompositions;
        for (int i = 0; i < parts.Length; i += 3)
        {
            int code = parts[i] & ~NfcData.Excluded;
            Decompositions[code] = (parts[i + 1], parts[i + 2]);
            if (code != parts[i])
            {
                MarkUnstable(code);
            }
            else
            {
                Compositions[Pair(parts[i + 1], parts[i + 2])] = code;
                MarkUnstable(parts[i + 2]);
            }
        }

        for (int vowel = VowelBase; vowel < VowelBase + VowelCount; vowel++)
        {
            MarkUnstable(vowel);
        }

        for (int trail = TrailBase + 1; trail < TrailBase + TrailCount; trail++)
        {
            MarkUnstable(trail);
        }
    }

    /// <summary>True where the code point is no safe boundary: NFC_Quick_Check is not Yes, or its combining class is not 0.</summary>
    internal static bool IsUnstable(int code) => code < 0x10000
        ? (UnstableBelow64K[code >> 6] >> (code & 63) & 1) != 0
        : UnstableAbove.Contains(code);

    internal static byte ClassOf(int code) => Classes.GetValueOrDefault(code);

    internal static bool TryDecompose(int code, out int first, out int second)
    {
        bool found = Decompositions.TryGetValue(code, out (int First, int Second) parts);
        (first, second) = parts;
        return found;
    }

    internal static bool TryCompose(int first, int second, out int composed)
    {
        // Hangul syllables compose by arithmetic (The Unicode Standard, 3.12).
        if ((uint)(first - LeadBase) < 19 && (uint)(second - VowelBase) < VowelCount)
        {
            composed = HangulBase + (((first - LeadBase) * VowelCount + (second - VowelBase)) * TrailCount);
            return true;
        }

        if ((uint)(first - HangulBase) < HangulCount && (first - HangulBase) % TrailCount == 0
            && (uint)(second - TrailBase - 1) < TrailCount - 1)
        {
            composed = first + (second - TrailBase);
            return true;
        }

        return Compositions.TryGetValue(Pair(first, second), out composed);
    }

    private static long Pair(int first, int second) => ((long)first << 32) | (uint)second;

    private static void MarkUnstable(int code)
    {
        if (code < 0x10000)
        {
            UnstableBelow64K[code >> 6] |= 1UL << (code & 63);
        }
        else
        {
            UnstableAbove.Add(code);
        }
    }
}
