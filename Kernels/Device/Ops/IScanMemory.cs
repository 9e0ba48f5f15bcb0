namespace Lean.Kernels.Device;

/// <summary>How much of a cell <see cref="DeltaRuleScan"/> has in shared memory.</summary>
public interface IScanMemory
{
    /// <summary>Whether queries, M and values are brought there too, ahead of their use, or read where they are.</summary>
    static abstract bool IsLarge { get; }
}

/// <summary>What every card since Ampere has room for.</summary>
public struct SmallScan : IScanMemory
{
    /// <inheritdoc/>
    public static bool IsLarge => false;
}

/// <summary>What Hopper has room for.</summary>
public struct LargeScan : IScanMemory
{
    /// <inheritdoc/>
    public static bool IsLarge => true;
}
