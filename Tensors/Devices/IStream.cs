namespace Lean.Tensors;

/// <summary>
/// A queue of work on one device. Calls return when the work is queued, and work runs in the order of the calls;
/// memory a call names must stay alive and, where it is read, unchanged until the work is complete. A stream is used
/// by one thread at a time. Failures of queued work may show in any later call.
/// </summary>
public interface IStream : IDisposable
{
    /// <summary>Copies host memory to the device. Both views have the same type and shape; either may have rows that lie apart.</summary>
    /// <exception cref="ArgumentException">Type or shape differ.</exception>
    /// <exception cref="MachineException">The device failed.</exception>
    void CopyToDevice(Tensor host, Tensor device);

    /// <summary>Copies device memory to the host. Both views have the same type and shape; either may have rows that lie apart.</summary>
    /// <exception cref="ArgumentException">Type or shape differ.</exception>
    /// <exception cref="MachineException">The device failed.</exception>
    void CopyToHost(Tensor device, Tensor host);

    /// <summary>Copies memory of the device to other memory of the device. Both views have the same type and shape, are contiguous and do not overlap.</summary>
    /// <exception cref="ArgumentException">Type or shape differ, or rows lie apart.</exception>
    /// <exception cref="MachineException">The device failed.</exception>
    void CopyOnDevice(Tensor source, Tensor target);

    /// <summary>Sets every byte of a view on the device; bytes between rows that lie apart stay.</summary>
    /// <exception cref="MachineException">The device failed.</exception>
    void Fill(Tensor device, byte value);

    /// <summary>Marks the work queued so far.</summary>
    /// <exception cref="MachineException">The device failed.</exception>
    IDeviceEvent Record();

    /// <summary>Lets work queued from now on start only after the event, from any stream of the device; the host does not wait.</summary>
    /// <exception cref="MachineException">The device failed.</exception>
    void Wait(IDeviceEvent after);

    /// <summary>
    /// Queues what follows, up to <see cref="EndBranch"/>, beside what is queued from there to <see cref="JoinBranch"/>, where the
    /// device can; elsewhere in the order of the calls. It comes after all that was queued before. Neither side writes what the
    /// other one reads or writes. One branch at a time.
    /// </summary>
    /// <exception cref="MachineException">The device failed.</exception>
    void BeginBranch()
    {
    }

    /// <summary>Ends what goes into the branch; it may still run.</summary>
    /// <exception cref="MachineException">The device failed.</exception>
    void EndBranch()
    {
    }

    /// <summary>Lets what is queued from now on start only after the branch as well.</summary>
    /// <exception cref="MachineException">The device failed.</exception>
    void JoinBranch()
    {
    }

    /// <summary>Blocks until all queued work is complete.</summary>
    /// <exception cref="MachineException">The device, or work queued earlier, failed.</exception>
    void Synchronize();
}
