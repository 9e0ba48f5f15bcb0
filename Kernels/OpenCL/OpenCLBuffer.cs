using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A buffer on an OpenCL device.</summary>
internal sealed class OpenCLBuffer : IDeviceBuffer
{
    private readonly OpenCLDevice _device;
    private readonly CLHandle _memory;
    private readonly HostBuffer? _host;

    public OpenCLBuffer(OpenCLDevice device, CLHandle memory, long bytes, HostBuffer? host)
    {
        (_device, _memory, Bytes, _host) = (device, memory, bytes, host);
        Address = device.Addresses.Add(memory.Value, bytes, host?.Address ?? 0);
    }

    public long Bytes { get; }

    public nint Address { get; }

    public Tensor View(DType type, Shape shape, long byteOffset = 0)
    {
        long size = checked(shape.Count * type.Size());
        return byteOffset >= 0 && byteOffset <= Bytes - size
            ? new Tensor(type, shape, Address + (nint)byteOffset)
            : throw new ArgumentException($"{type.Name()} {shape} at byte {byteOffset} does not fit into a buffer of {Bytes} bytes", nameof(shape));
    }

    public void Dispose()
    {
        if (_memory.IsClosed)
        {
            return;
        }

        _device.Addresses.Remove(Address);
        _memory.Dispose();
        _host?.Dispose();
        _device.Released(Bytes);
    }
}
