using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A buffer on a device that runs kernels.</summary>
/// <param name="address">Its first byte's address.</param>
/// <param name="bytes">Its size.</param>
internal abstract class KernelBuffer(nint address, long bytes) : IDeviceBuffer
{
    private int _released;

    public long Bytes => bytes;

    public nint Address => address;

    public Tensor View(DType type, Shape shape, long byteOffset = 0)
    {
        long size = checked(shape.Count * type.Size());
        return byteOffset >= 0 && byteOffset <= bytes - size
            ? new Tensor(type, shape, address + (nint)byteOffset)
            : throw new ArgumentException($"{type.Name()} {shape} at byte {byteOffset} does not fit into a buffer of {bytes} bytes", nameof(shape));
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _released, 1) == 0)
        {
            Release();
        }
    }

    /// <summary>Gives the memory back; called once.</summary>
    protected abstract void Release();
}
