namespace Lean.Kernels.Device;

/// <summary>Which pass of <see cref="TokenBins"/> it is.</summary>
public interface IPass
{
    /// <summary>Whether nothing is known of the row yet.</summary>
    static abstract bool IsFirst { get; }
}

/// <summary>Over all bins.</summary>
public struct FirstPass : IPass
{
    /// <inheritdoc/>
    public static bool IsFirst => true;
}

/// <summary>Within a bin of the pass before.</summary>
public struct NextPass : IPass
{
    /// <inheritdoc/>
    public static bool IsFirst => false;
}
