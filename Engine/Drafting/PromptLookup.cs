namespace Lean.Engine.Drafting;

/// <summary>
/// Proposes what followed when the text's last tokens stood in it before, in the prompt or in the output: of the latest
/// occurrences the one that agrees with the longest end of the text, and the latest of those.
/// </summary>
/// <remarks>
/// The index is that of LZ77 compressors: each place is linked to the one before whose last tokens have the same hash. It
/// grows by what the text has grown, and only so many links are followed, so a step's share of the work has a bound.
/// </remarks>
internal sealed class PromptLookup : IHostDrafter
{
    /// <summary>Tokens that have to agree at least.</summary>
    public const int Least = 2;

    /// <summary>Tokens of which more that agree make no difference.</summary>
    public const int Most = 8;

    // Earlier places that are looked at.
    private const int MostTried = 32;

    // Each place, one past the n-th token, counts from 1 in both tables, so that 0 means none.
    private int[] _latest;
    private int[] _earlier;
    private int _indexed;

    /// <param name="prompt">The text so far; it is indexed at once.</param>
    /// <param name="room">Tokens of the text that there is room for; more comes by doubling.</param>
    public PromptLookup(ReadOnlySpan<int> prompt, int room)
    {
        (_latest, _earlier) = Tables(int.Max(room, prompt.Length));
        Index(prompt);
    }

    /// <inheritdoc/>
    public int Draft(ReadOnlySpan<int> text, ReadOnlySpan<int> ofHead, Span<int> drafts)
    {
        Index(text);
        int place = Find(text);
        if (place == 0)
        {
            return 0;
        }

        // Where the text repeats itself faster than drafts go, they go on from each other.
        for (int i = 0; i < drafts.Length; i++)
        {
            int source = place + i;
            drafts[i] = source < text.Length ? text[source] : drafts[source - text.Length];
        }

        return drafts.Length;
    }

    // How many tokens stand before the place that the text goes on from best; 0 where there is none.
    private int Find(ReadOnlySpan<int> text)
    {
        int best = 0, agreeing = Least - 1;
        int place = text.Length < Least ? 0 : _latest[Bucket(text)];
        for (int tries = 0; place > 0 && tries < MostTried && agreeing < Most; tries++, place = _earlier[place])
        {
            int equal = 0;
            while (equal < Most && equal < place && text[place - 1 - equal] == text[text.Length - 1 - equal])
            {
                equal++;
            }

            (best, agreeing) = equal > agreeing ? (place, equal) : (best, agreeing);
        }

        return best;
    }

    // The text's own end is no earlier place: it comes in when something follows it.
    private void Index(ReadOnlySpan<int> text)
    {
        if (text.Length > _earlier.Length)
        {
            (_latest, _earlier) = Tables((int)long.Min(2L * text.Length, Array.MaxLength));
            _indexed = 0;
        }

        for (int place = int.Max(_indexed + 1, Least); place < text.Length; place++)
        {
            int bucket = Bucket(text[..place]);
            (_earlier[place], _latest[bucket], _indexed) = (_latest[bucket], place, place);
        }
    }

    private int Bucket(ReadOnlySpan<int> text)
    {
        uint hash = 0;
        foreach (int token in text[^Least..])
        {
            hash = (hash + (uint)token) * 0x9E3779B1;
        }

        return (int)(((ulong)hash * (uint)_latest.Length) >> 32);
    }

    private static (int[] Latest, int[] Earlier) Tables(int room) => (new int[room], new int[room]);
}
