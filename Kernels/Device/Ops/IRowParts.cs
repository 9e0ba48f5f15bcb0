namespace Lean.Kernels.Device;

/// <summary>How many times 2,048 numbers the widest row of a kernel has.</summary>
public interface IRowParts
{
    /// <summary>The number.</summary>
    static abstract int Parts { get; }
}

/// <summary>Rows of up to 2,048 numbers.</summary>
public struct OneRowPart : IRowParts
{
    /// <inheritdoc/>
    public static int Parts => 1;
}

/// <summary>Rows of up to 8,192 numbers.</summary>
public struct FourRowParts : IRowParts
{
    /// <inheritdoc/>
    public static int Parts => 4;
}
