namespace Lean.Kernels.Device;

/// <summary>How many bf16 numbers stand for one f32 activation where tensor cores multiply.</summary>
public interface IActivationTerms
{
    /// <summary>
    /// 1: the nearest bf16, 8 bits. 2: that, and the nearest to what it leaves out, 16 bits together; weights are read once
    /// and multiplied twice.
    /// </summary>
    static abstract int Count { get; }
}

/// <summary>One bf16.</summary>
public struct SingleTerm : IActivationTerms
{
    /// <inheritdoc/>
    public static int Count => 1;
}

/// <summary>Two bf16.</summary>
public struct SplitTerms : IActivationTerms
{
    /// <inheritdoc/>
    public static int Count => 2;
}
