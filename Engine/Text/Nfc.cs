using System.Buffers;
using System.Text;

namespace Lean.Engine.Text;

/// <summary>
/// Unicode's canonical composition (NFC, UAX #15). Ours, because the program runs without ICU
/// (InvariantGlobalization), where <see cref="string.Normalize()"/> leaves everything beyond ASCII as it is.
/// </summary>
internal static class Nfc
{
    /// <summary>Below U+0300 nothing combines and everything is already composed.</summary>
    private const char LastPlain = '\u02FF';

    /// <summary>
    /// True if <paramref name="text"/> is NFC for certain; false asks for <see cref="Normalize"/>, which may change nothing.
    /// </summary>
    internal static bool IsNormalized(ReadOnlySpan<char> text) => NextUnstable(text, 0) < 0;

    /// <summary>The NFC form of well-formed UTF-16.</summary>
    internal static string Normalize(ReadOnlySpan<char> text)
    {
        var output = new StringBuilder(text.Length);
        var cluster = new Cluster();
        int done = 0;
        for (int unstable = NextUnstable(text, 0); unstable >= 0; unstable = NextUnstable(text, done))
        {
            // Text up to the last stable code point stands as it is: what follows cannot reach across it.
            int start = Math.Max(done, PreviousCodePoint(text, unstable));
            output.Append(text[done..start]);
            int end = start;
            do
            {
                Rune.DecodeFromUtf16(text[end..], out Rune rune, out int length);
                cluster.AddDecomposed(rune.Value);
                end += length;
            }
            while (end < text.Length && IsUnstableAt(text, end));
            cluster.ComposeInto(output);
            done = end;
        }

        return output.Append(text[done..]).ToString();
    }

    private static int PreviousCodePoint(ReadOnlySpan<char> text, int index) => index switch
    {
        0 => 0,
        > 1 when char.IsLowSurrogate(text[index - 1]) => index - 2,
        _ => index - 1,
    };

    private static bool IsUnstableAt(ReadOnlySpan<char> text, int index)
    {
        char c = text[index];
        return c > LastPlain && NfcTables.IsUnstable(char.IsHighSurrogate(c) && index + 1 < text.Length
            ? char.ConvertToUtf32(c, text[index + 1])
            : c);
    }

    private static int NextUnstable(ReadOnlySpan<char> text, int from)
    {
        int index = from;
        while (true)
        {
            int skipped = text[index..].IndexOfAnyExceptInRange('\0', LastPlain);
            if (skipped < 0)
            {
                return -1;
            }

            index += skipped;
            if (IsUnstableAt(text, index))
            {
                return index;
            }

            index += char.IsHighSurrogate(text[index]) ? 2 : 1;
            if (index >= text.Length)
            {
                return -1;
            }
        }
    }

    /// <summary>A stretch of decomposed code points, with the class of each, until it is composed.</summary>
    private sealed class Cluster
    {
        private readonly ArrayBufferWriter<(int Code, int Class)> _items = new();

        internal void AddDecomposed(int code)
        {
            int hangul = code - NfcTables.HangulBase;
            if ((uint)hangul < NfcTables.HangulCount)
            {
                Add(NfcTables.LeadBase + (hangul / (NfcTables.VowelCount * NfcTables.TrailCount)), 0);
                Add(NfcTables.VowelBase + (hangul / NfcTables.TrailCount % NfcTables.VowelCount), 0);
                if (hangul % NfcTables.TrailCount != 0)
                {
                    Add(NfcTables.TrailBase + (hangul % NfcTables.TrailCount), 0);
                }
            }
            else if (NfcTables.TryDecompose(code, out int first, out int second))
            {
                AddDecomposed(first);
                if (second != 0)
                {
                    AddDecomposed(second);
                }
            }
            else
            {
                Add(code, NfcTables.ClassOf(code));
            }
        }

        internal void ComposeInto(StringBuilder output)
        {
            (int Code, int Class)[] items = _items.WrittenSpan.ToArray();
            _items.ResetWrittenCount();
            Order(items);
            int count = Compose(items);
            Span<char> units = stackalloc char[2];
            for (int i = 0; i < count; i++)
            {
                output.Append(units[..new Rune(items[i].Code).EncodeToUtf16(units)]);
            }
        }

        private void Add(int code, int combiningClass)
        {
            _items.GetSpan(1)[0] = (code, combiningClass);
            _items.Advance(1);
        }

        /// <summary>Sorts each run of non-zero classes by class, keeping the order of equals; never quadratic.</summary>
        private static void Order((int Code, int Class)[] items)
        {
            for (int start = 0; start < items.Length; start++)
            {
                int end = start;
                while (end < items.Length && items[end].Class != 0)
                {
                    end++;
                }

                if (end - start > 1)
                {
                    var keys = new long[end - start];
                    for (int i = 0; i < keys.Length; i++)
                    {
                        keys[i] = ((long)items[start + i].Class << 32) | (uint)i;
                    }

                    MemoryExtensions.Sort(keys.AsSpan(), items.AsSpan(start, keys.Length));
                }

                start = end;
            }
        }

        /// <summary>Composes in place and returns how many code points are left.</summary>
        private static int Compose((int Code, int Class)[] items)
        {
            int count = 0;
            int starter = -1;
            int lastClass = 0;
            foreach ((int Code, int Class) item in items)
            {
                // Blocked: something between the starter and this one has class 0 or a class not below this one's.
                bool reachesStarter = starter >= 0 && (count - 1 == starter || lastClass < item.Class);
                if (reachesStarter && NfcTables.TryCompose(items[starter].Code, item.Code, out int composed))
                {
                    items[starter].Code = composed;
                    continue;
                }

                if (item.Class == 0)
                {
                    starter = count;
                }

                lastClass = item.Class;
                items[count++] = item;
            }

            return count;
        }
    }
}
