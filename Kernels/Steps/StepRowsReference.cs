using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Row by row, each of which looks for its segment; draft by draft.</summary>
internal sealed unsafe class StepRowsReference : StepRows
{
    private protected override void LaunchPlaceRows(Tensor planned, Tensor text, Tensor blocks, Tensor outcome, int vocabulary, in PlacedRows rows)
    {
        long entries = outcome.Shape[1];
        int* known = (int*)outcome.Address;
        for (long s = 0; s < planned.Shape[0]; s++)
        {
            int* plan = (int*)planned.Address + (s * PlannedRows.Columns), segment = (int*)rows.Segments.Address + (s * Segments.Columns);
            for (int column = 0; column < Segments.Columns; column++)
            {
                segment[column] = plan[column];
            }

            segment[Segments.FirstPosition] += plan[PlannedRows.Previous] < 0 ? 0 : known[plan[PlannedRows.Previous]];
        }

        for (int row = 0; row < text.Shape.Count; row++)
        {
            for (long s = 0; s < planned.Shape[0]; s++)
            {
                int* segment = (int*)rows.Segments.Address + (s * Segments.Columns);
                int previous = ((int*)planned.Address)[(s * PlannedRows.Columns) + PlannedRows.Previous], i = row - segment[Segments.FirstRow];
                if (i < 0 || i >= segment[Segments.Rows])
                {
                    continue;
                }

                int position = segment[Segments.FirstPosition] + i;
                int token = previous < 0 ? ((int*)text.Address)[row] : known[((1 + i) * entries) + previous];
                ((int*)rows.Tokens.Address)[row] = Math.Clamp(token, 0, vocabulary - 1);
                ((int*)rows.Positions.Address)[row] = position;
                ((int*)rows.CacheSlots.Address)[row] =
                    (((int*)blocks.Address)[(s * blocks.Shape[1]) + (position / Grid.Cell)] * Grid.Cell) + (position % Grid.Cell);
            }
        }
    }

    private protected override void LaunchAcceptDrafts(Tensor entries, Tensor tokens, Tensor chosen, Tensor outcome)
    {
        for (long e = 0; e < entries.Shape[0]; e++)
        {
            int* entry = (int*)entries.Address + (e * EntryColumns);
            int* first = (int*)chosen.Address + entry[0], drafts = (int*)tokens.Address + entry[1] + 1;
            int accepted = new ReadOnlySpan<int>(first, entry[2]).CommonPrefixLength(new ReadOnlySpan<int>(drafts, entry[2]));
            ((int*)outcome.Address)[e] = accepted;
            ((int*)outcome.Address)[outcome.Shape[1] + e] = first[accepted];
        }
    }
}
