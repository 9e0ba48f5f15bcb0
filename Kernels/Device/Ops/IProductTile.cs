namespace Lean.Kernels.Device;

/// <summary>How many outputs a tile of <see cref="LinearWarpGroup"/> or <see cref="GateUpWarpGroup"/> has, and how many blocks are on their way to it.</summary>
public interface IProductTile
{
    /// <summary>128 or 256.</summary>
    static abstract int Columns { get; }

    /// <summary>Blocks of one term that shared memory holds.</summary>
    static abstract int SingleStages { get; }

    /// <summary>Blocks of two terms that shared memory holds.</summary>
    static abstract int SplitStages { get; }
}

/// <summary>128 × 256 outputs: the fastest where there are many tiles.</summary>
public struct WideTile : IProductTile
{
    /// <inheritdoc/>
    public static int Columns => 256;

    /// <inheritdoc/>
    public static int SingleStages => 4;

    /// <inheritdoc/>
    public static int SplitStages => 3;
}

/// <summary>128 × 128 outputs, for few rows or few outputs: more multiprocessors have work.</summary>
public struct NarrowTile : IProductTile
{
    /// <inheritdoc/>
    public static int Columns => 128;

    /// <inheritdoc/>
    public static int SingleStages => 6;

    /// <inheritdoc/>
    public static int SplitStages => 4;
}
