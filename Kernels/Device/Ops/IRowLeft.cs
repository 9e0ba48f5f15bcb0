namespace Lean.Kernels.Device;

/// <summary>What lies in the sixteen outputs that a warp of <see cref="LinearRowsWarpGroup"/> multiplies at a time, and what becomes of their sums.</summary>
public interface IRowLeft
{
    /// <summary>Whether eight gates of an MLP and the ups beside them, which become down's pieces; else sixteen outputs of one weight, which are stored.</summary>
    static abstract bool AreGated { get; }
}

/// <summary>Outputs of one weight.</summary>
public struct SingleLeft : IRowLeft
{
    /// <inheritdoc/>
    public static bool AreGated => false;
}

/// <summary>Gates and ups.</summary>
public struct GatedLeft : IRowLeft
{
    /// <inheritdoc/>
    public static bool AreGated => true;
}
