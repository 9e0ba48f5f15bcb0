namespace Lean.Kernels.Device;

/// <summary>How the rows of a block get into shared memory (<see cref="WarpGroupTiles"/>).</summary>
public interface IRowSource
{
    /// <summary>Whether threads gather them from wherever they lie; else the copy engine brings neighbours.</summary>
    static abstract bool IsGathered { get; }
}

/// <summary>Rows that lie beside each other.</summary>
public struct NeighbourRows : IRowSource
{
    /// <inheritdoc/>
    public static bool IsGathered => false;
}
