namespace Lean.Kernels.Device;

/// <summary>Units of a tile that a group of <see cref="ExpertRowsRing"/> works on at a time.</summary>
public struct ExpertRowsPiece
{
    /// <summary>The tile.</summary>
    public int Tile;

    /// <summary>The first unit's number in it.</summary>
    public int First;

    /// <summary>Units, each a warp's.</summary>
    public int Count;
}
