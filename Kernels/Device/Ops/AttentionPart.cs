using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>The rows of a segment that a group of <see cref="AttentionPrompt"/> attends for: those that lie in its tile.</summary>
public struct AttentionPart
{
    /// <summary>The first of them, and how many there are: none or fewer where the segment lies elsewhere.</summary>
    public int Start, Rows;

    /// <summary>Positions that the first of them sees.</summary>
    public int Seen;

    /// <summary>Cells that the last of them sees.</summary>
    public int Cells;

    /// <summary>Of a segment and a tile; what is past the step's rows of prompts belongs to neither.</summary>
    public static AttentionPart Of(ArrayView<int> segments, int segment, int tile, int tileRows, int rows)
    {
        AttentionPart part = default;
        int begin = AttentionCells.First(segments, segment);
        part.Start = Math.Max(begin, tile * tileRows);
        part.Rows = Math.Min(Math.Min(begin + AttentionCells.Rows(segments, segment), (tile + 1) * tileRows), rows) - part.Start;
        part.Seen = AttentionCells.Position(segments, segment) + (part.Start - begin) + 1;
        part.Cells = part.Rows > 0 ? (part.Seen + part.Rows + AttentionMath.Cell - 2) / AttentionMath.Cell : 0;
        return part;
    }
}
