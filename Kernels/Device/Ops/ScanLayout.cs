namespace Lean.Kernels.Device;

/// <summary>Where <see cref="DeltaRuleScan"/> has what in shared memory, in bytes.</summary>
internal static class ScanLayout
{
    public const int Bytes = GatesAt + (2 * GateBytes);

    // Keys and gates of this cell and the next; the triangle T, and for each pair of warps the terms of S and of u.
    public const int KeyBytes = 2 * DeltaRuleLayout.TermBytes;
    public const int TriangleAt = 2 * KeyBytes;
    public const int StatesAt = TriangleAt + (DeltaRuleLayout.TriangleWords * 4);
    public const int StateBytes = (DeltaRuleLayout.KeyDim / 16) * 2 * PieceBytes;
    public const int SolutionsAt = StatesAt + (2 * StateBytes);
    public const int SolutionBytes = (DeltaRuleLayout.Cell / 16) * 2 * PieceBytes;
    public const int GatesAt = SolutionsAt + (2 * SolutionBytes);
    public const int GateBytes = DeltaRuleLayout.GateWords * 4;
    public const int PieceBytes = DeltaRuleLayout.PieceWords * 4;
}
