namespace Lean.Tensors;

/// <summary>Something that holds tensors and runs work on them: the host or one GPU.</summary>
public interface IDevice
{
    /// <summary>The name the command line takes: cpu, cuda:0, opencl:1.</summary>
    string Name { get; }

    /// <summary>What the device is, for people: its model, its size, its driver.</summary>
    string Description { get; }

    /// <summary>The interface it is driven through.</summary>
    DeviceKind Kind { get; }

    /// <summary>
    /// Bytes that can be allocated now without evicting anybody, read afresh. On the host, pages of mapped files count
    /// as free, since the system may drop them: who reads weights in place subtracts their size.
    /// </summary>
    long FreeMemory { get; }

    /// <summary>Bytes the device has for this process, free or not.</summary>
    long TotalMemory { get; }

    /// <summary>Allocates <paramref name="bytes"/> bytes, at least 64-byte aligned; their contents are not specified.</summary>
    /// <exception cref="MachineException">The device has not that much memory, or failed.</exception>
    IDeviceBuffer Allocate(long bytes);

    /// <summary>Makes a queue of work that runs in order, beside the queues that exist.</summary>
    /// <exception cref="MachineException">The device failed.</exception>
    IStream CreateStream();
}
