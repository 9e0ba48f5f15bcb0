namespace Lean.Kernels.Device;

/// <summary>How many query heads of one key/value head a group computes at a time.</summary>
public interface IHeadTile
{
    /// <summary>A multiple of 4.</summary>
    static abstract int Heads { get; }
}

/// <summary>Four.</summary>
public struct HeadTile4 : IHeadTile
{
    /// <inheritdoc/>
    public static int Heads => 4;
}

/// <summary>Eight.</summary>
public struct HeadTile8 : IHeadTile
{
    /// <inheritdoc/>
    public static int Heads => 8;
}

/// <summary>Sixteen.</summary>
public struct HeadTile16 : IHeadTile
{
    /// <inheritdoc/>
    public static int Heads => 16;
}
