namespace Lean.Kernels.Device;

/// <summary>Into how many runs k is cut, each for a warp: what an output's bits depend on, so it follows from K alone.</summary>
public interface ISlices
{
    /// <summary>A divisor of <see cref="RowProducts.Warps"/>.</summary>
    static abstract int Count { get; }
}

/// <summary>Two.</summary>
public struct TwoSlices : ISlices
{
    /// <inheritdoc/>
    public static int Count => 2;
}

/// <summary>Four.</summary>
public struct FourSlices : ISlices
{
    /// <inheritdoc/>
    public static int Count => 4;
}

/// <summary>Eight.</summary>
public struct EightSlices : ISlices
{
    /// <inheritdoc/>
    public static int Count => 8;
}
