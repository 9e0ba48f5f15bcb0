using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Rows of a step on the CPU: so little work that the caller's thread does it.</summary>
internal sealed class StepRowsCpu : StepRows
{
    private protected override void LaunchPlaceRows(Tensor planned, Tensor text, Tensor blocks, Tensor outcome, int vocabulary, in PlacedRows rows)
    {
        ReadOnlySpan<int> plan = planned.AsSpan<int>(), given = text.AsSpan<int>(), table = blocks.AsSpan<int>(), known = outcome.AsSpan<int>();
        Span<int> tokens = rows.Tokens.AsSpan<int>(), positions = rows.Positions.AsSpan<int>(), slots = rows.CacheSlots.AsSpan<int>();
        Span<int> segments = rows.Segments.AsSpan<int>(), states = rows.States.AsSpan<int>();
        int width = (int)blocks.Shape[1], entries = (int)outcome.Shape[1], count = (int)planned.Shape[0];
        for (int s = 0; s < count; s++)
        {
            ReadOnlySpan<int> from = plan.Slice(s * PlannedRows.Columns, PlannedRows.Columns), own = table.Slice(s * width, width);
            Span<int> segment = segments.Slice(s * Segments.Columns, Segments.Columns);
            from[..Segments.Columns].CopyTo(segment);
            int previous = from[PlannedRows.Previous], accepted = previous < 0 ? 0 : known[previous], row = segment[Segments.FirstRow];
            segment[Segments.FirstPosition] += accepted;
            Span<int> state = states.Slice(s * Segments.VersionedColumns, Segments.VersionedColumns);
            segment.CopyTo(state);
            state[Segments.Source] = previous < 0 ? from[PlannedRows.Source] : from[Segments.Slot] + (accepted * from[PlannedRows.Pitch]);
            state[Segments.Pitch] = from[PlannedRows.Pitch];
            for (int i = 0; i < segment[Segments.Rows]; i++)
            {
                int position = segment[Segments.FirstPosition] + i, token = previous < 0 ? given[row + i] : known[((1 + i) * entries) + previous];
                tokens[row + i] = Math.Clamp(token, 0, vocabulary - 1);
                positions[row + i] = position;
                slots[row + i] = (own[position / Grid.Cell] * Grid.Cell) + (position % Grid.Cell);
            }
        }
    }

    private protected override void LaunchAcceptDrafts(Tensor entries, Tensor tokens, Tensor chosen, Tensor outcome, Tensor rows)
    {
        ReadOnlySpan<int> table = entries.AsSpan<int>(), drafts = tokens.AsSpan<int>(), found = chosen.AsSpan<int>();
        Span<int> result = outcome.AsSpan<int>(), ends = rows.AsSpan<int>();
        int count = (int)entries.Shape[0], stride = (int)outcome.Shape[1];
        for (int e = 0; e < count; e++)
        {
            int output = table[e * EntryColumns], row = table[(e * EntryColumns) + 1], most = table[(e * EntryColumns) + 2], accepted = 0;
            while (accepted < most && found[output + accepted] == drafts[row + 1 + accepted])
            {
                accepted++;
            }

            (result[e], result[stride + e], ends[e]) = (accepted, found[output + accepted], row + accepted);
        }
    }

    private protected override void LaunchFollowRows(Tensor following, Tensor chosen, int vocabulary, Tensor tokens)
    {
        ReadOnlySpan<int> known = following.AsSpan<int>(), found = chosen.AsSpan<int>();
        Span<int> result = tokens.AsSpan<int>();
        for (int row = 0; row < known.Length; row++)
        {
            result[row] = Math.Clamp(known[row] < 0 ? found[-1 - known[row]] : known[row], 0, vocabulary - 1);
        }
    }

    private protected override void LaunchPlaceDrafts(
        Tensor rows, Tensor positions, Tensor outcome, Tensor blocks, int depth, int vocabulary, in DraftRows drafts)
    {
        ReadOnlySpan<int> ends = rows.AsSpan<int>(), places = positions.AsSpan<int>(), table = blocks.AsSpan<int>();
        ReadOnlySpan<int> given = outcome.AsSpan<int>()[((1 + depth) * (int)outcome.Shape[1])..];
        Span<int> tokens = drafts.Tokens.AsSpan<int>(), own = drafts.Positions.AsSpan<int>(), slots = drafts.CacheSlots.AsSpan<int>();
        int width = (int)blocks.Shape[1];
        for (int e = 0; e < tokens.Length; e++)
        {
            int position = places[ends[e]] + depth;
            tokens[e] = Math.Clamp(given[e], 0, vocabulary - 1);
            own[e] = position;
            slots[e] = (table[(e * width) + (position / Grid.Cell)] * Grid.Cell) + (position % Grid.Cell);
            Span<int> segment = drafts.Segments.AsSpan<int>().Slice(e * Segments.Columns, Segments.Columns);
            (segment[Segments.FirstRow], segment[Segments.Rows], segment[Segments.FirstPosition], segment[Segments.Slot]) = (e, 1, position, 0);
        }
    }

    private protected override void LaunchDrawNumbers(Tensor seeds, Tensor rows, Tensor positions, Tensor draws)
    {
        ReadOnlySpan<int> keys = seeds.AsSpan<int>(), chosen = rows.AsSpan<int>(), places = positions.AsSpan<int>();
        Span<int> result = draws.AsSpan<int>();
        for (int i = 0; i < chosen.Length; i++)
        {
            ulong draw = Philox.Draw(((ulong)(uint)keys[(2 * i) + 1] << 32) | (uint)keys[2 * i], 1L + places[chosen[i]]);
            (result[2 * i], result[(2 * i) + 1]) = ((int)draw, (int)(draw >> 32));
        }
    }
}
