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

            int accepted = plan[PlannedRows.Previous] < 0 ? 0 : known[plan[PlannedRows.Previous]];
            segment[Segments.FirstPosition] += accepted;
            int* state = (int*)rows.States.Address + (s * Segments.VersionedColumns);
            new ReadOnlySpan<int>(segment, Segments.Columns).CopyTo(new Span<int>(state, Segments.Columns));
            state[Segments.Source] = plan[PlannedRows.Previous] < 0 ? plan[PlannedRows.Source] : plan[Segments.Slot] + (accepted * plan[PlannedRows.Pitch]);
            state[Segments.Pitch] = plan[PlannedRows.Pitch];
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

    private protected override void LaunchAcceptDrafts(Tensor entries, Tensor tokens, Tensor chosen, Tensor outcome, Tensor rows)
    {
        for (long e = 0; e < entries.Shape[0]; e++)
        {
            int* entry = (int*)entries.Address + (e * EntryColumns);
            int* first = (int*)chosen.Address + entry[0], drafts = (int*)tokens.Address + entry[1] + 1;
            int accepted = new ReadOnlySpan<int>(first, entry[2]).CommonPrefixLength(new ReadOnlySpan<int>(drafts, entry[2]));
            ((int*)outcome.Address)[e] = accepted;
            ((int*)outcome.Address)[outcome.Shape[1] + e] = first[accepted];
            ((int*)rows.Address)[e] = entry[1] + accepted;
        }
    }

    private protected override void LaunchFollowRows(Tensor following, Tensor chosen, int vocabulary, Tensor tokens)
    {
        for (long row = 0; row < following.Shape.Count; row++)
        {
            int known = ((int*)following.Address)[row];
            ((int*)tokens.Address)[row] = Math.Clamp(known < 0 ? ((int*)chosen.Address)[-1 - known] : known, 0, vocabulary - 1);
        }
    }

    private protected override void LaunchPlaceDrafts(
        Tensor rows, Tensor positions, Tensor outcome, Tensor blocks, int depth, int vocabulary, in DraftRows drafts)
    {
        for (int e = 0; e < blocks.Shape[0]; e++)
        {
            int position = ((int*)positions.Address)[((int*)rows.Address)[e]] + depth;
            int block = ((int*)blocks.Address)[(e * blocks.Shape[1]) + (position / Grid.Cell)];
            ((int*)drafts.Tokens.Address)[e] = Math.Clamp(((int*)outcome.Address)[((1 + depth) * outcome.Shape[1]) + e], 0, vocabulary - 1);
            ((int*)drafts.Positions.Address)[e] = position;
            ((int*)drafts.CacheSlots.Address)[e] = (block * Grid.Cell) + (position % Grid.Cell);
            int* segment = (int*)drafts.Segments.Address + (e * Segments.Columns);
            (segment[Segments.FirstRow], segment[Segments.Rows], segment[Segments.FirstPosition], segment[Segments.Slot]) = (e, 1, position, 0);
        }
    }

    private protected override void LaunchDrawNumbers(Tensor seeds, Tensor rows, Tensor positions, Tensor draws)
    {
        for (long i = 0; i < rows.Shape.Count; i++)
        {
            ulong seed = ((ulong*)seeds.Address)[i];
            ((ulong*)draws.Address)[i] = Philox.Draw(seed, 1L + ((int*)positions.Address)[((int*)rows.Address)[i]]);
        }
    }
}
