using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>One row of a segment tensor, read into named fields; see <see cref="Segments"/>.</summary>
internal readonly record struct ReferenceSegment(long FirstRow, long Rows, long FirstPosition, long Slot, long Source, long Pitch)
{
    /// <summary>Reads segment <paramref name="index"/>.</summary>
    public static unsafe ReferenceSegment Of(Tensor segments, long index)
    {
        long columns = segments.Shape[1];
        int* row = (int*)segments.Address + (index * columns);
        bool versioned = columns == Segments.VersionedColumns;
        return new ReferenceSegment(
            row[Segments.FirstRow], row[Segments.Rows], row[Segments.FirstPosition], row[Segments.Slot],
            row[versioned ? Segments.Source : Segments.Slot], versioned ? row[Segments.Pitch] : 0);
    }
}
