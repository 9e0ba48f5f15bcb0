namespace Lean.Kernels;

/// <summary>
/// A segment is one sequence's consecutive rows in a step. Ops take them as an i32 tensor [S, 4] with these columns.
/// </summary>
public static class Segments
{
    /// <summary>Columns of a segment tensor.</summary>
    public const int Columns = 4;

    /// <summary>Index of the segment's first row in the tensors passed with it.</summary>
    public const int FirstRow = 0;

    /// <summary>Number of rows, at least 1.</summary>
    public const int Rows = 1;

    /// <summary>Absolute position of the first row in its sequence; 0 means that the sequence's state begins empty.</summary>
    public const int FirstPosition = 2;

    /// <summary>Slot of the sequence's recurrent state and convolution history.</summary>
    public const int Slot = 3;
}
