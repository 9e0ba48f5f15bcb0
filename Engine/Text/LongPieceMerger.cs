namespace Lean.Engine.Text;

/// <summary>
/// BPE for pieces of any length in n·log n: the pair of lowest rank, leftmost first, becomes one token until no pair is
/// left. It follows Hugging Face's Word::merge_all step by step.
/// </summary>
internal sealed class LongPieceMerger
{
    private const int Removed = -1;

    private readonly MergeTable _merges;
    private readonly int[] _idOfByte = new int[256];
    private readonly int _unknownId = -1;
    private readonly bool _fuseUnknown;

    internal LongPieceMerger(ModelSection model)
    {
        _merges = model.Merges;
        _fuseUnknown = model.FuseUnknown;
        for (int value = 0; value < 256; value++)
        {
            _idOfByte[value] = model.Vocabulary.GetValueOrDefault(ByteAlphabet.CharacterOf((byte)value).ToString(), -1);
        }

        if (model.Unknown is { } unknown)
        {
            _unknownId = model.Vocabulary[unknown];
        }
    }

    /// <summary>Adds the tokens of a piece, given as UTF-8.</summary>
    internal void Encode(ReadOnlySpan<byte> piece, List<int> ids)
    {
        int[] symbols = new int[piece.Length];
        int count = Start(piece, symbols);
        int[] next = new int[count];
        int[] previous = new int[count];
        for (int i = 0; i < count; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
        }

        // Priority: rank, then position.
        var queue = new PriorityQueue<int, long>(count);
        for (int i = 0; i + 1 < count; i++)
        {
            Offer(queue, symbols, i, i + 1);
        }

        while (queue.TryDequeue(out int newId, out long priority))
        {
            int left = (int)(priority & int.MaxValue);
            int right = next[left];

            // Entries are not taken back when a neighbour changes; one that no longer holds is passed over here.
            if (symbols[left] == Removed || right >= count
                || !_merges.TryGet(symbols[left], symbols[right], out (int Rank, int NewId) merge) || merge.NewId != newId)
            {
                continue;
            }

            symbols[left] = newId;
            symbols[right] = Removed;
            next[left] = next[right];
            if (next[left] < count)
            {
                previous[next[left]] = left;
                Offer(queue, symbols, left, next[left]);
            }

            if (previous[left] >= 0)
            {
                Offer(queue, symbols, previous[left], left);
            }
        }

        for (int i = 0; i < count; i = next[i])
        {
            ids.Add(symbols[i]);
        }
    }

    /// <summary>The tokens of the single bytes. A byte without one is the unknown token, or vanishes if there is none.</summary>
    private int Start(ReadOnlySpan<byte> piece, int[] symbols)
    {
        int count = 0;
        bool afterUnknown = false;
        foreach (byte value in piece)
        {
            int id = _idOfByte[value];
            bool isUnknown = id < 0;
            if (!isUnknown)
            {
                symbols[count++] = id;
            }
            else if (_unknownId >= 0 && !(afterUnknown && _fuseUnknown))
            {
                symbols[count++] = _unknownId;
            }

            afterUnknown = isUnknown;
        }

        return count;
    }

    private void Offer(PriorityQueue<int, long> queue, int[] symbols, int left, int right)
    {
        if (_merges.TryGet(symbols[left], symbols[right], out (int Rank, int NewId) merge))
        {
            queue.Enqueue(merge.NewId, ((long)merge.Rank << 31) | (uint)left);
        }
    }
}
