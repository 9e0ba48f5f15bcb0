using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>What biases, penalties and masks say of the tokens that one rank holds, in the host's memory.</summary>
/// <param name="first">The first token.</param>
/// <param name="count">How many tokens.</param>
internal readonly struct VocabularyPart(int first, int count)
{
    /// <summary>Those of the entries that name tokens of the part, counted from its first.</summary>
    public LogitAdjustments Of(in LogitAdjustments all, Arena arena)
    {
        var own = new LogitAdjustments
        {
            BiasStarts = arena.Like(all.BiasStarts),
            Biased = arena.Like(all.Biased),
            Biases = arena.Like(all.Biases),
            SeenStarts = arena.Like(all.SeenStarts),
            Seen = arena.Like(all.Seen),
            Penalties = all.Penalties,
        };
        int biased = Keep(all.BiasStarts, all.Biased, 1, own.BiasStarts, own.Biased, all.Biases.AsSpan<float>(), own.Biases.AsSpan<float>());
        int seen = Keep(all.SeenStarts, all.Seen, LogitAdjustments.SeenColumns, own.SeenStarts, own.Seen, [], []);
        return own with { Biased = own.Biased.Rows(0, biased), Biases = own.Biases.Rows(0, biased), Seen = own.Seen.Rows(0, seen) };
    }

    /// <summary>The bits of the part's tokens.</summary>
    /// <param name="masks">i32 [M, ⌈V / 32⌉].</param>
    /// <param name="arena">Holds the result.</param>
    /// <returns>i32 [M, ⌈count / 32⌉].</returns>
    public Tensor MasksOf(Tensor masks, Arena arena)
    {
        int rows = (int)masks.Shape[0], width = (int)masks.Shape[1], words = (int)MaskLogits.Words(count);
        Tensor own = arena.I32(rows, words);
        (int skipped, int shift) = (first / MaskLogits.WordBits, first % MaskLogits.WordBits);
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<int> source = masks.Rows(row, 1).AsSpan<int>();
            Span<int> target = own.Rows(row, 1).AsSpan<int>();
            for (int i = 0; i < words; i++)
            {
                uint low = (uint)source[skipped + i], high = skipped + i + 1 < width ? (uint)source[skipped + i + 1] : 0;
                target[i] = (int)(((ulong)high << MaskLogits.WordBits | low) >> shift);
            }
        }

        return own;
    }

    private int Keep(Tensor starts, Tensor entries, int columns, Tensor ownStarts, Tensor ownEntries, ReadOnlySpan<float> values, Span<float> ownValues)
    {
        ReadOnlySpan<int> from = starts.AsSpan<int>(), all = entries.AsSpan<int>();
        Span<int> to = ownStarts.AsSpan<int>(), own = ownEntries.AsSpan<int>();
        int kept = to[0] = 0;
        for (int row = 0; row + 1 < from.Length; row++)
        {
            for (int i = from[row]; i < from[row + 1]; i++)
            {
                int token = all[i * columns] - first;
                if (token < 0 || token >= count)
                {
                    continue;
                }

                all.Slice(i * columns, columns).CopyTo(own[(kept * columns)..]);
                own[kept * columns] = token;
                if (!values.IsEmpty)
                {
                    ownValues[kept] = values[i];
                }

                kept++;
            }

            to[row + 1] = kept;
        }

        return kept;
    }
}
