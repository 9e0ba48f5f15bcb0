namespace Lean.Kernels.Device;

/// <summary>What a group of <see cref="AttentionRows"/> has of a row's context.</summary>
public interface ISpanParts
{
    /// <summary>Whether some have a run of spans.</summary>
    static abstract bool HasRuns { get; }
}

/// <summary>A span each.</summary>
public struct SpanParts : ISpanParts
{
    /// <inheritdoc/>
    public static bool HasRuns => false;
}

/// <summary>A run of spans, or one.</summary>
public struct RunParts : ISpanParts
{
    /// <inheritdoc/>
    public static bool HasRuns => true;
}
