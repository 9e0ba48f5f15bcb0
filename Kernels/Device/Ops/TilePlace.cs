namespace Lean.Kernels.Device;

/// <summary>A tile of rows and one of columns.</summary>
public struct TilePlace
{
    /// <summary>Which of the rows' tiles.</summary>
    public int Row;

    /// <summary>Which of the columns' tiles.</summary>
    public int Across;
}
