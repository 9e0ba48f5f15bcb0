using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Rows of a step on the CPU: so little work that the caller's thread does it.</summary>
internal sealed class StepRowsCpu : StepRows
{
    private protected override void LaunchPlaceRows(Tensor planned, Tensor text, Tensor blocks, Tensor outcome, int vocabulary, in PlacedRows rows)
    {
        ReadOnlySpan<int> plan = planned.AsSpan<int>(), given = text.AsSpan<int>(), table = blocks.AsSpan<int>(), known = outcome.AsSpan<int>();
        Span<int> tokens = rows.Tokens.AsSpan<int>(), positions = rows.Positions.AsSpan<int>(), slots = rows.CacheSlots.AsSpan<int>();
        Span<int> segments = rows.Segments.AsSpan<int>();
        int width = (int)blocks.Shape[1], entries = (int)outcome.Shape[1], count = (int)planned.Shape[0];
        for (int s = 0; s < count; s++)
        {
            ReadOnlySpan<int> from = plan.Slice(s * PlannedRows.Columns, PlannedRows.Columns), own = table.Slice(s * width, width);
            Span<int> segment = segments.Slice(s * Segments.Columns, Segments.Columns);
            from[..Segments.Columns].CopyTo(segment);
            int previous = from[PlannedRows.Previous], row = segment[Segments.FirstRow];
            segment[Segments.FirstPosition] += previous < 0 ? 0 : known[previous];
            for (int i = 0; i < segment[Segments.Rows]; i++)
            {
                int position = segment[Segments.FirstPosition] + i, token = previous < 0 ? given[row + i] : known[((1 + i) * entries) + previous];
                tokens[row + i] = Math.Clamp(token, 0, vocabulary - 1);
                positions[row + i] = position;
                slots[row + i] = (own[position / Grid.Cell] * Grid.Cell) + (position % Grid.Cell);
            }
        }
    }

    private protected override void LaunchAcceptDrafts(Tensor entries, Tensor tokens, Tensor chosen, Tensor outcome)
    {
        ReadOnlySpan<int> table = entries.AsSpan<int>(), drafts = tokens.AsSpan<int>(), found = chosen.AsSpan<int>();
        Span<int> result = outcome.AsSpan<int>();
        int count = (int)entries.Shape[0], stride = (int)outcome.Shape[1];
        for (int e = 0; e < count; e++)
        {
            int output = table[e * EntryColumns], row = table[(e * EntryColumns) + 1], most = table[(e * EntryColumns) + 2], accepted = 0;
            while (accepted < most && found[output + accepted] == drafts[row + 1 + accepted])
            {
                accepted++;
            }

            (result[e], result[stride + e]) = (accepted, found[output + accepted]);
        }
    }
}
