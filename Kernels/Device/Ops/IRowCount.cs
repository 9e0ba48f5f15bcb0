namespace Lean.Kernels.Device;

/// <summary>How many rows a kernel of few has at most. A row's bits do not depend on it.</summary>
public interface IRowCount
{
    /// <summary>A power of two.</summary>
    static abstract int Most { get; }
}

/// <summary>Two.</summary>
public struct UpToTwoRows : IRowCount
{
    /// <inheritdoc/>
    public static int Most => 2;
}

/// <summary>Four; fewer than three have kernels of their own.</summary>
public struct UpToFourRows : IRowCount
{
    /// <inheritdoc/>
    public static int Most => 4;
}
