namespace Lean.Kernels.Device;

/// <summary>How many columns of the values a group mixes at a time, and from how many positions it takes them at once.</summary>
public interface IColumnTile
{
    /// <summary>A multiple of 32.</summary>
    static abstract int Columns { get; }

    /// <summary>Positions whose values lie in shared memory together.</summary>
    static abstract int Positions { get; }
}

/// <summary>64 columns of 32 positions.</summary>
public struct ColumnTile64 : IColumnTile
{
    /// <inheritdoc/>
    public static int Columns => 64;

    /// <inheritdoc/>
    public static int Positions => 32;
}

/// <summary>128 columns of 16 positions.</summary>
public struct ColumnTile128 : IColumnTile
{
    /// <inheritdoc/>
    public static int Columns => 128;

    /// <inheritdoc/>
    public static int Positions => 16;
}

/// <summary>256 columns of 8 positions.</summary>
public struct ColumnTile256 : IColumnTile
{
    /// <inheritdoc/>
    public static int Columns => 256;

    /// <inheritdoc/>
    public static int Positions => 8;
}
