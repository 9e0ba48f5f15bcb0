using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>place_rows: a group per segment. All others: a thread per row or entry.</summary>
public static class StepRows
{
    private const int Threads = 128;
    private const int Cell = 64;
    private const int PlannedColumns = 7, SegmentColumns = 4, StateColumns = 6, EntryColumns = 3;
    private const int Rows = 1, FirstPosition = 2, Slot = 3, Previous = 4, Source = 5, Pitch = 6;

    /// <summary>Tokens, positions and cache slots of a segment's rows.</summary>
    [Kernel("place_rows", Threads, groups: "S")]
    public static void PlaceRows(
        [Shape("S", "7")] ArrayView<int> planned,
        [Shape("T")] ArrayView<int> text,
        [Shape("S", "M")] ArrayView<int> blocks,
        [Shape("O", "N")] ArrayView<int> outcome,
        [Shape("T")] ArrayView<int> tokens,
        [Shape("T")] ArrayView<int> positions,
        [Shape("T")] ArrayView<int> slots,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("S", "6")] ArrayView<int> states,
        [Extent("M")] int width,
        [Extent("O")] int known,
        [Extent("N")] int entries,
        int vocabulary)
    {
        int plan = Grid.IdxX * PlannedColumns, segment = Grid.IdxX * SegmentColumns, first = planned[plan], rows = planned[plan + Rows];

        // Loads may be made before it is clear that they are wanted: each index is a valid one.
        int previous = planned[plan + Previous], entry = Math.Max(previous, 0);
        int found = outcome[entry], accepted = previous < 0 ? 0 : found, start = planned[plan + FirstPosition] + accepted;

        // The rows first: most loads wait for each other here, and a store in front of them would wait for its own.
        for (int i = Group.IdxX; i < rows; i += Threads)
        {
            int chosen = outcome[(Math.Min(1 + i, known - 1) * entries) + entry], given = text[first + i], position = start + i;
            tokens[first + i] = Math.Min(Math.Max(previous < 0 ? given : chosen, 0), vocabulary - 1);
            positions[first + i] = position;
            slots[first + i] = (blocks[((long)Grid.IdxX * width) + (position / Cell)] * Cell) + (position % Cell);
        }

        if (Group.IdxX < SegmentColumns)
        {
            int value = Group.IdxX == FirstPosition ? start : planned[plan + Group.IdxX];
            segments[segment + Group.IdxX] = value;
            states[(Grid.IdxX * StateColumns) + Group.IdxX] = value;
        }

        if (Group.IdxX == 0)
        {
            int given = planned[plan + Source], pitch = planned[plan + Pitch], slot = planned[plan + Slot];
            states[(Grid.IdxX * StateColumns) + SegmentColumns] = previous < 0 ? given : slot + (accepted * pitch);
            states[(Grid.IdxX * StateColumns) + SegmentColumns + 1] = pitch;
        }
    }

    /// <summary>How many drafts of an entry were chosen, and what was chosen behind them.</summary>
    [Kernel("accept_drafts", Threads, groups: "E/128")]
    public static void AcceptDrafts(
        [Shape("E", "3")] ArrayView<int> entries,
        [Shape("T")] ArrayView<int> tokens,
        [Shape("R")] ArrayView<int> chosen,
        [Shape("O", "N")] ArrayView<int> outcome,
        [Shape("E")] ArrayView<int> rows,
        [Extent("E")] int count,
        [Extent("N")] int stride)
    {
        int entry = (Grid.IdxX * Threads) + Group.IdxX;
        if (entry < count)
        {
            int output = entries[entry * EntryColumns], row = entries[(entry * EntryColumns) + 1], drafts = entries[(entry * EntryColumns) + 2];
            int accepted = 0;
            for (int i = 0; i < drafts; i++)
            {
                accepted += accepted == i && chosen[output + i] == tokens[row + 1 + i] ? 1 : 0;
            }

            outcome[entry] = accepted;
            outcome[stride + entry] = chosen[output + accepted];
            rows[entry] = row + accepted;
        }
    }

    /// <summary>The token behind each row.</summary>
    [Kernel("follow_rows", Threads, groups: "T/128")]
    public static void FollowRows(
        [Shape("T")] ArrayView<int> following,
        [Shape("R")] ArrayView<int> chosen,
        [Shape("T")] ArrayView<int> tokens,
        [Extent("T")] int count,
        int vocabulary)
    {
        int row = (Grid.IdxX * Threads) + Group.IdxX;
        if (row < count)
        {
            int known = following[row], found = chosen[Math.Max(-1 - known, 0)];
            tokens[row] = Math.Min(Math.Max(known < 0 ? found : known, 0), vocabulary - 1);
        }
    }

    /// <summary>Rows for drafts one depth further.</summary>
    [Kernel("place_drafts", Threads, groups: "D/128")]
    public static void PlaceDrafts(
        [Shape("E")] ArrayView<int> rows,
        [Shape("T")] ArrayView<int> positions,
        [Shape("O", "N")] ArrayView<int> outcome,
        [Shape("D", "M")] ArrayView<int> blocks,
        [Shape("D")] ArrayView<int> tokens,
        [Shape("D")] ArrayView<int> places,
        [Shape("D")] ArrayView<int> slots,
        [Shape("D", "4")] ArrayView<int> segments,
        [Extent("D")] int count,
        [Extent("M")] int width,
        [Extent("N")] int stride,
        int depth,
        int vocabulary)
    {
        int entry = (Grid.IdxX * Threads) + Group.IdxX;
        if (entry < count)
        {
            int position = positions[rows[entry]] + depth;
            tokens[entry] = Math.Min(Math.Max(outcome[((1 + depth) * stride) + entry], 0), vocabulary - 1);
            places[entry] = position;
            slots[entry] = (blocks[((long)entry * width) + (position / Cell)] * Cell) + (position % Cell);
            segments[entry * SegmentColumns] = entry;
            segments[(entry * SegmentColumns) + Rows] = 1;
            segments[(entry * SegmentColumns) + FirstPosition] = position;
            segments[(entry * SegmentColumns) + Slot] = 0;
        }
    }

    /// <summary>Philox4x32-10 with the request's seed as key and the position as counter, as Kernels/Sampling/Philox.cs has it.</summary>
    [Kernel("draw_numbers", Threads, groups: "S/128")]
    public static void DrawNumbers(
        [Shape("S", "2")] ArrayView<int> seeds,
        [Shape("S")] ArrayView<int> rows,
        [Shape("T")] ArrayView<int> positions,
        [Shape("S", "2")] ArrayView<int> draws,
        [Extent("S")] int count)
    {
        const int Rounds = 10;
        int draw = (Grid.IdxX * Threads) + Group.IdxX;
        if (draw < count)
        {
            uint k0 = (uint)seeds[2 * draw], k1 = (uint)seeds[(2 * draw) + 1];
            uint x0 = (uint)(positions[rows[draw]] + 1), x1 = 0, x2 = 0, x3 = 0;
            for (int round = 0; round < Rounds; round++)
            {
                ulong p0 = 0xD2511F53UL * x0, p2 = 0xCD9E8D57UL * x2;
                uint y0 = (uint)(p2 >> 32) ^ x1 ^ k0, y2 = (uint)(p0 >> 32) ^ x3 ^ k1;
                x1 = (uint)p2;
                x3 = (uint)p0;
                x0 = y0;
                x2 = y2;
                k0 += 0x9E3779B9U;
                k1 += 0xBB67AE85U;
            }

            draws[2 * draw] = (int)x0;
            draws[(2 * draw) + 1] = (int)x1;
        }
    }
}
