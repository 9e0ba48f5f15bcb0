namespace Lean.Kernels.Device;

/// <summary>How a kernel leaves generated rows.</summary>
public interface IRowForm
{
    /// <summary>Whether as the pieces of the product behind it (<see cref="RowTermPieces"/>), instead of as numbers.</summary>
    static abstract bool ArePieces { get; }
}

/// <summary>As numbers.</summary>
public struct NumberRows : IRowForm
{
    /// <inheritdoc/>
    public static bool ArePieces => false;
}

/// <summary>As pieces.</summary>
public struct PieceRows : IRowForm
{
    /// <inheritdoc/>
    public static bool ArePieces => true;
}
