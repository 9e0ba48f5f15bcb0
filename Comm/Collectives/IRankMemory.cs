using Lean.Tensors;

namespace Lean.Comm;

/// <summary>The memory of a rank's device, and a queue of copies: where tensors of queued collectives lie.</summary>
public interface IRankMemory
{
    /// <summary>Memory of the device.</summary>
    /// <exception cref="MachineException">There is not enough.</exception>
    IDeviceBuffer Allocate(long bytes);

    /// <summary>Host memory that does not move, which copies are quickest with.</summary>
    /// <exception cref="MachineException">There is not enough.</exception>
    IDeviceBuffer AllocateOnHost(long bytes);

    /// <summary>Queues a copy of host memory to the device; same type and shape, contiguous.</summary>
    void CopyToDevice(Tensor host, Tensor device);

    /// <summary>Queues a copy of the device's memory to the host; same type and shape, contiguous.</summary>
    void CopyToHost(Tensor device, Tensor host);

    /// <summary>Waits until all that was queued is done. From any thread.</summary>
    /// <exception cref="MachineException">The device failed.</exception>
    void Synchronize();
}
