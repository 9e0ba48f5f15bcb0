namespace Lean.Kernels;

/// <summary>
/// One sequence's rows in a step as they are planned, before what the step before chose is known on the host. Ops take
/// them as an i32 tensor [S, 7] with these columns; the first four are those of <see cref="Segments"/>.
/// </summary>
public static class PlannedRows
{
    /// <summary>Columns of a tensor of planned rows.</summary>
    public const int Columns = 7;

    /// <summary>The sequence's entry in the outcome of the step before, on which its rows depend; −1 where the host knows all of them.</summary>
    public const int Previous = 4;

    /// <summary>The slot of the state to begin from, where the host knows it (see <see cref="Segments.Source"/>).</summary>
    public const int Source = 5;

    /// <summary>See <see cref="Segments.Pitch"/>.</summary>
    public const int Pitch = 6;
}
