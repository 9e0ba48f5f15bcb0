using Lean.Comm;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>A device's memory and its stream, as collectives through host memory need them.</summary>
/// <param name="stream">The stream of the rank's steps, which stays the caller's.</param>
internal sealed class StreamMemory(KernelStream stream) : IRankMemory
{
    /// <inheritdoc/>
    public IDeviceBuffer Allocate(long bytes) => stream.Device.Allocate(bytes);

    /// <inheritdoc/>
    public IDeviceBuffer AllocateOnHost(long bytes) => stream.Device.AllocateOnHost(bytes);

    /// <inheritdoc/>
    public void CopyToDevice(Tensor host, Tensor device) => stream.CopyToDevice(host, device);

    /// <inheritdoc/>
    public void CopyToHost(Tensor device, Tensor host) => stream.CopyToHost(device, host);

    /// <inheritdoc/>
    public void Synchronize() => stream.Synchronize();
}
