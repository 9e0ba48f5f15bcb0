namespace Lean.Kernels.Device;

/// <summary>Where <see cref="DeltaRuleWalk"/> has what in shared memory, in bytes.</summary>
internal static class WalkLayout
{
    public const int Bytes = BarriersAt + 64;

    // Of this cell and the next: keys, both triangles, gates, values; queries of one alone.
    public const int KeyBytes = 2 * DeltaRuleLayout.TermBytes;
    public const int QueriesAt = 2 * KeyBytes;
    public const int SolvingAt = QueriesAt + KeyBytes;
    public const int TriangleBytes = DeltaRuleLayout.TriangleWords * 4;
    public const int ReadingAt = SolvingAt + (2 * TriangleBytes);
    public const int GatesAt = ReadingAt + (2 * TriangleBytes);
    public const int GateBytes = DeltaRuleLayout.GateWords * 4;

    // Rows of values, of 4 bytes or 2, lie so that eight columns of four pairs of them are in different banks.
    public const int ValuesAt = GatesAt + (2 * GateBytes);
    public const int ValueBytes = DeltaRuleLayout.Cell * ((DeltaRuleWalk.Columns * 4) + 16);

    // What one warp group leaves for the other: the terms of S, rows of it as those of keys; u as it is, a warp's own columns.
    public const int StatesAt = ValuesAt + (2 * ValueBytes);
    public const int SolutionsAt = StatesAt + KeyBytes;
    public const int SolutionBytes = (DeltaRuleLayout.Cell / 8) * PieceBytes;
    public const int PieceBytes = DeltaRuleLayout.PieceWords * 4;

    // What has come: keys with gates, and triangles with values, of two cells each; queries.
    public const int BarriersAt = SolutionsAt + (4 * SolutionBytes);
    public const int KeysCome = BarriersAt;
    public const int TrianglesCome = BarriersAt + 16;
    public const int QueriesCome = BarriersAt + 32;

    public static int ValueStride(int size) => (DeltaRuleWalk.Columns * size) + 16;
}
