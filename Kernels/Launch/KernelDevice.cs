using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A device that runs the kernels of this binary, opened by one of the back ends.</summary>
public abstract class KernelDevice : IDevice, IDisposable
{
    private protected KernelDevice()
    {
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public abstract string Description { get; }

    /// <inheritdoc/>
    public abstract DeviceKind Kind { get; }

    /// <inheritdoc/>
    public abstract long FreeMemory { get; }

    /// <inheritdoc/>
    public abstract long TotalMemory { get; }

    /// <summary>How long giving kernels to the driver has taken so far: a compiler's work on the first run, reading a cache after it.</summary>
    public abstract TimeSpan KernelLoadTime { get; }

    /// <inheritdoc/>
    public abstract IDeviceBuffer Allocate(long bytes);

    /// <inheritdoc/>
    public IStream CreateStream() => CreateStream(profile: false);

    /// <summary>Allocates memory of the host that copies to and from the device are quickest with.</summary>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public virtual IDeviceBuffer AllocateOnHost(long bytes) => new HostBuffer(bytes);

    /// <summary>Makes a stream for kernels.</summary>
    /// <param name="profile">Whether it can say how long each kernel took (<see cref="KernelStream.TakeTimes"/>); that costs time.</param>
    public abstract KernelStream CreateStream(bool profile);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the device holds.</summary>
    protected abstract void Dispose(bool disposing);
}
