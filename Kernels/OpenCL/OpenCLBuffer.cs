using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A buffer on an OpenCL device.</summary>
internal sealed class OpenCLBuffer(OpenCLDevice device, DriverHandle memory, long bytes, HostBuffer? host)
    : KernelBuffer(device.Addresses.Add(memory.Value, bytes, host?.Address ?? 0, shared: host is not null), bytes)
{
    protected override void Release()
    {
        device.Addresses.Remove(Address);
        memory.Dispose();
        host?.Dispose();
        device.Released(Bytes);
    }
}
