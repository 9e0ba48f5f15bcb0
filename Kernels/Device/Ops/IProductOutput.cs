namespace Lean.Kernels.Device;

/// <summary>What the products' kernels write.</summary>
public interface IProductOutput
{
    /// <summary>Whether sums are rounded to bf16.</summary>
    static abstract bool IsBF16 { get; }
}

/// <summary>f32: what the model's residual stream is.</summary>
public struct F32Output : IProductOutput
{
    /// <inheritdoc/>
    public static bool IsBF16 => false;
}

/// <summary>bf16, half the traffic; what other engines' products write, so what they are compared with.</summary>
public struct BF16Output : IProductOutput
{
    /// <inheritdoc/>
    public static bool IsBF16 => true;
}
