namespace Lean.Tensors;

/// <summary>Owns a block of a device's memory. Work queued on it must be complete before it is disposed.</summary>
public interface IDeviceBuffer : IDisposable
{
    /// <summary>The size in bytes.</summary>
    long Bytes { get; }

    /// <summary>The first byte's address on the device.</summary>
    nint Address { get; }

    /// <summary>A view of the buffer's bytes from <paramref name="byteOffset"/> on, rows contiguous.</summary>
    /// <exception cref="ArgumentException">The view does not fit into the buffer.</exception>
    Tensor View(DType type, Shape shape, long byteOffset = 0);
}
