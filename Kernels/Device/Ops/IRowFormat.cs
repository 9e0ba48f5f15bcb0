using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>How numbers that an op leaves to the next lie in memory.</summary>
/// <typeparam name="TElement">The stored element.</typeparam>
public interface IRowFormat<TElement> where TElement : unmanaged
{
    /// <summary>Four neighbours, as f32.</summary>
    /// <param name="rows">Where they lie.</param>
    /// <param name="at">The first, a multiple of 4.</param>
    static abstract U4 Load(ArrayView<TElement> rows, long at);

    /// <summary>Whether numbers are rounded to bf16.</summary>
    static abstract bool IsRounded { get; }
}

/// <summary>As they are.</summary>
public struct F32Row : IRowFormat<float>
{
    /// <inheritdoc/>
    public static bool IsRounded => false;

    /// <inheritdoc/>
    public static U4 Load(ArrayView<float> rows, long at) => WideAccess.Load(ref rows[at]);
}

/// <summary>Rounded to bf16, half the bytes: some of a prompt's where activations are rounded.</summary>
public struct BF16Row : IRowFormat<ushort>
{
    /// <inheritdoc/>
    public static bool IsRounded => true;

    /// <inheritdoc/>
    public static U4 Load(ArrayView<ushort> rows, long at)
    {
        long four = WideAccess.Load2(ref rows[at]);
        uint low = (uint)four, high = (uint)(four >> 32);
        return new U4 { X = low << 16, Y = low & 0xffff0000u, Z = high << 16, W = high & 0xffff0000u };
    }
}
