using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>A sequence's rows, and its cells among those of all: cells are numbered through the segments in order.</summary>
public struct DeltaRuleSegment
{
    private const int FirstRow = 0, Count = 1, Position = 2, Own = 3, Columns = 4;

    /// <summary>The number of its first cell.</summary>
    public int FirstCell;

    /// <summary>Its cells.</summary>
    public int Cells;

    /// <summary>Its first row.</summary>
    public int Row;

    /// <summary>Its rows.</summary>
    public int Rows;

    /// <summary>Where it begins in its sequence.</summary>
    public int FirstPosition;

    /// <summary>Where its state lies.</summary>
    public int Slot;

    /// <summary>Segment number <paramref name="index"/>.</summary>
    public static DeltaRuleSegment At(ArrayView<int> segments, int index)
    {
        int before = 0;
        for (int s = 0; s < index; s++)
        {
            before += CellsOf(segments, s);
        }

        return Read(segments, index, before);
    }

    /// <summary>The segment that a cell is in; one without cells where there is no such cell.</summary>
    public static DeltaRuleSegment Of(ArrayView<int> segments, int sequences, int cell)
    {
        int before = 0, found = 0, foundBefore = -1;
        for (int s = 0; s < sequences; s++)
        {
            int cells = CellsOf(segments, s);
            bool here = cell >= before && cell < before + cells;
            found = here ? s : found;
            foundBefore = here ? before : foundBefore;
            before += cells;
        }

        var segment = Read(segments, found, foundBefore);
        segment.Cells = foundBefore < 0 ? 0 : segment.Cells;
        return segment;
    }

    private static int CellsOf(ArrayView<int> segments, int s) => (segments[(s * Columns) + Count] + DeltaRuleLayout.Cell - 1) / DeltaRuleLayout.Cell;

    private static DeltaRuleSegment Read(ArrayView<int> segments, int s, int before)
    {
        var segment = default(DeltaRuleSegment);
        segment.FirstCell = before;
        segment.Cells = CellsOf(segments, s);
        segment.Row = segments[(s * Columns) + FirstRow];
        segment.Rows = segments[(s * Columns) + Count];
        segment.FirstPosition = segments[(s * Columns) + Position];
        segment.Slot = segments[(s * Columns) + Own];
        return segment;
    }
}
