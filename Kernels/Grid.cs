namespace Lean.Kernels;

/// <summary>
/// The grid that prompts are cut on. Prompt rows are computed in cells of <see cref="Cell"/> positions anchored at
/// absolute position 0, whatever the scheduler's cut, so that a row's bits never depend on it.
/// </summary>
public static class Grid
{
    /// <summary>Positions in a cell, and tokens in a KV block.</summary>
    public const int Cell = 64;

    /// <summary>Cells that <paramref name="positions"/> positions touch.</summary>
    public static int CellsFor(int positions) => (positions + Cell - 1) / Cell;
}
