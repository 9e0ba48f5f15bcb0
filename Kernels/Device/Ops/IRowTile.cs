namespace Lean.Kernels.Device;

/// <summary>How many outputs a warp of <see cref="RowProducts"/> computes, and how far it reads ahead. An output's bits do not depend on it.</summary>
public interface IRowTile
{
    /// <summary>Sixteens of outputs.</summary>
    static abstract int Outputs { get; }

    /// <summary>Eights of rows.</summary>
    static abstract int Rows { get; }

    /// <summary>Blocks along k whose weights are on their way at a time: a divisor of <see cref="RowProducts.Rounded"/>.</summary>
    static abstract int Ahead { get; }
}

/// <summary>16 outputs of 8 rows.</summary>
public struct EightRows : IRowTile
{
    /// <inheritdoc/>
    public static int Outputs => 1;

    /// <inheritdoc/>
    public static int Rows => 1;

    /// <inheritdoc/>
    public static int Ahead => 4;
}

/// <summary>16 outputs of 16 rows.</summary>
public struct SixteenRows : IRowTile
{
    /// <inheritdoc/>
    public static int Outputs => 1;

    /// <inheritdoc/>
    public static int Rows => 2;

    /// <inheritdoc/>
    public static int Ahead => 4;
}

/// <summary>16 outputs of 32 rows.</summary>
public struct ThirtyTwoRows : IRowTile
{
    /// <inheritdoc/>
    public static int Outputs => 1;

    /// <inheritdoc/>
    public static int Rows => 4;

    /// <inheritdoc/>
    public static int Ahead => 4;
}

/// <summary>16 outputs of 64 rows.</summary>
public struct SixtyFourRows : IRowTile
{
    /// <inheritdoc/>
    public static int Outputs => 1;

    /// <inheritdoc/>
    public static int Rows => 8;

    /// <inheritdoc/>
    public static int Ahead => 4;
}

/// <summary>16 outputs of 128 rows.</summary>
public struct HundredTwentyEightRows : IRowTile
{
    /// <inheritdoc/>
    public static int Outputs => 1;

    /// <inheritdoc/>
    public static int Rows => 16;

    /// <inheritdoc/>
    public static int Ahead => 4;
}

/// <summary>16 outputs each of two matrices, of 8 rows.</summary>
public struct EightRowsTwice : IRowTile
{
    /// <inheritdoc/>
    public static int Outputs => 2;

    /// <inheritdoc/>
    public static int Rows => 1;

    /// <inheritdoc/>
    public static int Ahead => 2;
}

/// <summary>16 outputs each of two matrices, of 16 rows.</summary>
public struct SixteenRowsTwice : IRowTile
{
    /// <inheritdoc/>
    public static int Outputs => 2;

    /// <inheritdoc/>
    public static int Rows => 2;

    /// <inheritdoc/>
    public static int Ahead => 2;
}

/// <summary>16 outputs each of two matrices, of 32 rows.</summary>
public struct ThirtyTwoRowsTwice : IRowTile
{
    /// <inheritdoc/>
    public static int Outputs => 2;

    /// <inheritdoc/>
    public static int Rows => 4;

    /// <inheritdoc/>
    public static int Ahead => 2;
}
