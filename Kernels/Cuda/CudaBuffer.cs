using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Memory of a CUDA device, or pinned memory of the host that the device reaches at the same address.</summary>
internal sealed class CudaBuffer(CudaDevice device, nint address, long bytes, bool isHost) : IDeviceBuffer
{
    private nint _address = address;

    public long Bytes { get; } = bytes;

    public nint Address => _address;

    /// <summary>Whether the host reaches it.</summary>
    public bool IsHost => isHost;

    public Tensor View(DType type, Shape shape, long byteOffset = 0)
    {
        long size = checked(shape.Count * type.Size());
        return byteOffset >= 0 && byteOffset <= Bytes - size
            ? new Tensor(type, shape, Address + (nint)byteOffset)
            : throw new ArgumentException($"{type.Name()} {shape} at byte {byteOffset} does not fit into a buffer of {Bytes} bytes", nameof(shape));
    }

    public void Dispose()
    {
        if (_address != 0)
        {
            device.Free(_address, isHost);
            _address = 0;
        }
    }
}
