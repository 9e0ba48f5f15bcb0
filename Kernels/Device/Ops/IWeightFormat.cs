namespace Lean.Kernels.Device;

/// <summary>How the elements of a weight, and of the activations that meet it in a product, become f32.</summary>
/// <typeparam name="TElement">The stored element.</typeparam>
public interface IWeightFormat<TElement> where TElement : unmanaged
{
    /// <summary>A weight's value.</summary>
    static abstract float Widen(TElement element);

    /// <summary>An activation as the product sees it: products with bf16 weights take bf16 on both sides.</summary>
    static abstract float Input(float activation);
}

/// <summary>bf16 weights and bf16 inputs.</summary>
public struct BF16Weight : IWeightFormat<ushort>
{
    /// <inheritdoc/>
    public static float Widen(ushort element) => BF16.ToFloat(element);

    /// <inheritdoc/>
    public static float Input(float activation) => BF16.Round(activation);
}

/// <summary>f32 weights and f32 inputs.</summary>
public struct F32Weight : IWeightFormat<float>
{
    /// <inheritdoc/>
    public static float Widen(float element) => element;

    /// <inheritdoc/>
    public static float Input(float activation) => activation;
}
