namespace Lean.Kernels;

/// <summary>
/// A segment is one sequence's consecutive rows in a step. Ops take them as an i32 tensor [S, 4] with these columns; ops
/// that carry a state through generated rows also take [S, 6]. Rows that verify drafts may be refused, so each leaves its
/// state in a slot of its own, and whoever goes on begins from the slot of the last row that was accepted: nothing is
/// copied, nothing computed again.
/// </summary>
public static class Segments
{
    /// <summary>Columns of a segment tensor.</summary>
    public const int Columns = 4;

    /// <summary>Columns of a segment tensor whose rows may leave a state each.</summary>
    public const int VersionedColumns = 6;

    /// <summary>Index of the segment's first row in the tensors passed with it.</summary>
    public const int FirstRow = 0;

    /// <summary>Number of rows, at least 1.</summary>
    public const int Rows = 1;

    /// <summary>Absolute position of the first row in its sequence; 0 means that the sequence's state begins empty.</summary>
    public const int FirstPosition = 2;

    /// <summary>Slot of the sequence's recurrent state and convolution history.</summary>
    public const int Slot = 3;

    /// <summary>The slot that the state is read from; where there is no such column, the one it is left in.</summary>
    public const int Source = 4;

    /// <summary>Row i leaves its state in slot <see cref="Slot"/> + i · pitch; 0 (as without the column): all in one, where the last one's stays.</summary>
    public const int Pitch = 5;

    /// <summary>Whether a segment tensor has the columns of versions.</summary>
    internal static bool AreVersioned(Lean.Tensors.Tensor segments) => segments.Shape.Rank == 2 && segments.Shape[1] == VersionedColumns;
}
