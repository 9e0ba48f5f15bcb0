using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>How what an expert gave lies in memory until it is added up.</summary>
/// <typeparam name="TElement">The stored element.</typeparam>
public interface IPartFormat<TElement> where TElement : unmanaged
{
    /// <summary>Four neighbours, as f32.</summary>
    /// <param name="parts">Where they lie.</param>
    /// <param name="at">The first, a multiple of 4.</param>
    static abstract U4 Load(ArrayView<TElement> parts, long at);
}

/// <summary>As it was summed.</summary>
public struct F32Part : IPartFormat<float>
{
    /// <inheritdoc/>
    public static U4 Load(ArrayView<float> parts, long at) => WideAccess.Load(ref parts[at]);
}

/// <summary>Rounded to bf16, half the bytes: a prompt's where activations are rounded.</summary>
public struct BF16Part : IPartFormat<ushort>
{
    /// <inheritdoc/>
    public static U4 Load(ArrayView<ushort> parts, long at)
    {
        long four = WideAccess.Load2(ref parts[at]);
        uint low = (uint)four, high = (uint)(four >> 32);
        return new U4 { X = low << 16, Y = low & 0xffff0000u, Z = high << 16, W = high & 0xffff0000u };
    }
}
