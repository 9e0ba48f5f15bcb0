namespace Lean.Kernels.Device;

/// <summary>What a search over tokens adds up.</summary>
public interface IMeasure
{
    /// <summary>Whether tokens count by their weights, not by their number.</summary>
    static abstract bool Weighs { get; }
}

/// <summary>Their number.</summary>
public struct Counted : IMeasure
{
    /// <inheritdoc/>
    public static bool Weighs => false;
}

/// <summary>Their weights.</summary>
public struct Weighed : IMeasure
{
    /// <inheritdoc/>
    public static bool Weighs => true;
}
