using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>place_rows: a group per segment. accept_drafts: a thread per entry.</summary>
public static class StepRows
{
    private const int Threads = 128;
    private const int Cell = 64;
    private const int PlannedColumns = 5, SegmentColumns = 4, EntryColumns = 3;
    private const int Rows = 1, FirstPosition = 2, Previous = 4;

    /// <summary>Tokens, positions and cache slots of a segment's rows.</summary>
    [Kernel("place_rows", Threads, groups: "S")]
    public static void PlaceRows(
        [Shape("S", "5")] ArrayView<int> planned,
        [Shape("T")] ArrayView<int> text,
        [Shape("S", "M")] ArrayView<int> blocks,
        [Shape("O", "N")] ArrayView<int> outcome,
        [Shape("T")] ArrayView<int> tokens,
        [Shape("T")] ArrayView<int> positions,
        [Shape("T")] ArrayView<int> slots,
        [Shape("S", "4")] ArrayView<int> segments,
        [Extent("M")] int width,
        [Extent("O")] int known,
        [Extent("N")] int entries,
        int vocabulary)
    {
        int plan = Grid.IdxX * PlannedColumns, segment = Grid.IdxX * SegmentColumns, first = planned[plan], rows = planned[plan + Rows];

        // Loads may be made before it is clear that they are wanted: each index is a valid one.
        int previous = planned[plan + Previous], entry = Math.Max(previous, 0);
        int start = planned[plan + FirstPosition] + (previous < 0 ? 0 : outcome[entry]);
        if (Group.IdxX < SegmentColumns)
        {
            segments[segment + Group.IdxX] = Group.IdxX == FirstPosition ? start : planned[plan + Group.IdxX];
        }

        for (int i = Group.IdxX; i < rows; i += Threads)
        {
            int chosen = outcome[(Math.Min(1 + i, known - 1) * entries) + entry], given = text[first + i], position = start + i;
            tokens[first + i] = Math.Min(Math.Max(previous < 0 ? given : chosen, 0), vocabulary - 1);
            positions[first + i] = position;
            slots[first + i] = (blocks[((long)Grid.IdxX * width) + (position / Cell)] * Cell) + (position % Cell);
        }
    }

    /// <summary>How many drafts of an entry were chosen, and what was chosen behind them.</summary>
    [Kernel("accept_drafts", Threads, groups: "E/128")]
    public static void AcceptDrafts(
        [Shape("E", "3")] ArrayView<int> entries,
        [Shape("T")] ArrayView<int> tokens,
        [Shape("R")] ArrayView<int> chosen,
        [Shape("O", "N")] ArrayView<int> outcome,
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
        }
    }
}
