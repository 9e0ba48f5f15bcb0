namespace Lean.Kernels.Device;

/// <summary>
/// How the elements of a weight become f32. Activations stay f32: rounding them to bf16 would cost these kernels as much as
/// it saves, and a hundred times the accuracy. (Tensor cores take them as two bf16: <see cref="IActivationTerms"/>.)
/// </summary>
/// <typeparam name="TElement">The stored element.</typeparam>
public interface IWeightFormat<TElement> where TElement : unmanaged
{
    /// <summary>A weight's value.</summary>
    static abstract float Widen(TElement element);
}

/// <summary>bf16 weights.</summary>
public struct BF16Weight : IWeightFormat<ushort>
{
    /// <inheritdoc/>
    public static float Widen(ushort element) => BF16.ToFloat(element);
}

/// <summary>f32 weights.</summary>
public struct F32Weight : IWeightFormat<float>
{
    /// <inheritdoc/>
    public static float Widen(float element) => element;
}
