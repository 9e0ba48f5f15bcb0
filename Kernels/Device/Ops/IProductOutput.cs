namespace Lean.Kernels.Device;

/// <summary>What the products' kernels write.</summary>
public interface IProductOutput
{
    /// <summary>Whether sums are rounded to bf16.</summary>
    static abstract bool IsBF16 { get; }

    /// <summary>Whether sums are multiplied by the sigmoid of their row's gate and added to what is there.</summary>
    static abstract bool IsAdded { get; }

    /// <summary>Whether sums are rounded to bf16 but for those of the last outputs.</summary>
    static abstract bool IsMixed { get; }
}

/// <summary>f32: what the model's residual stream is.</summary>
public struct F32Output : IProductOutput
{
    /// <inheritdoc/>
    public static bool IsBF16 => false;

    /// <inheritdoc/>
    public static bool IsAdded => false;

    /// <inheritdoc/>
    public static bool IsMixed => false;
}

/// <summary>f32: a shared expert's share of the residual stream.</summary>
public struct AddedOutput : IProductOutput
{
    /// <inheritdoc/>
    public static bool IsBF16 => false;

    /// <inheritdoc/>
    public static bool IsAdded => true;

    /// <inheritdoc/>
    public static bool IsMixed => false;
}

/// <summary>bf16, half the traffic; what other engines' products write, so what they are compared with.</summary>
public struct BF16Output : IProductOutput
{
    /// <inheritdoc/>
    public static bool IsBF16 => true;

    /// <inheritdoc/>
    public static bool IsAdded => false;

    /// <inheritdoc/>
    public static bool IsMixed => false;
}

/// <summary>bf16, and f32 of the last outputs: what goes on rounded, beside gates that do not.</summary>
public struct MixedOutput : IProductOutput
{
    /// <inheritdoc/>
    public static bool IsBF16 => false;

    /// <inheritdoc/>
    public static bool IsAdded => false;

    /// <inheritdoc/>
    public static bool IsMixed => true;
}
