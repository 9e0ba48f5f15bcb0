namespace Lean.Kernels.Device;

/// <summary>How a group of <see cref="WarpProducts"/> shares its six times 64 lines between rows and outputs.</summary>
public interface IWarpTile
{
    /// <summary>Rows, in 64s.</summary>
    static abstract int Rows { get; }

    /// <summary>Outputs, in 64s: what the two terms of the rows leave of the lines.</summary>
    static abstract int Outputs { get; }
}

/// <summary>128 rows × 128 outputs.</summary>
public struct SquareWarpTile : IWarpTile
{
    /// <inheritdoc/>
    public static int Rows => 2;

    /// <inheritdoc/>
    public static int Outputs => 2;
}

/// <summary>64 rows × 256 outputs, for experts, which have few rows each.</summary>
public struct FlatWarpTile : IWarpTile
{
    /// <inheritdoc/>
    public static int Rows => 1;

    /// <inheritdoc/>
    public static int Outputs => 4;
}
