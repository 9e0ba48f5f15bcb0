using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// A rank's device as collectives need it: memory, one stream, and the few things that are queued on it beside NCCL's. Work
/// is queued on the rank's thread; any thread may call <see cref="Enter"/>, <see cref="Synchronize"/> and <see cref="Abort"/>.
/// </summary>
public interface IRankDevice : IDisposable
{
    /// <summary>The device as messages name it: cuda:1.</summary>
    string Name { get; }

    /// <summary>The driver's number of it.</summary>
    int Index { get; }

    /// <summary>
    /// The stream on which the rank queues everything, as NCCL takes it; 0 where collectives do not reach the device's memory,
    /// and tensors go through host memory.
    /// </summary>
    nint Stream { get; }

    /// <summary>Whether what is queued now goes into a graph instead of running.</summary>
    bool IsCapturing { get; }

    /// <summary>
    /// A count of what is done, i32 [1] in host memory that the device sees: only the device changes it, and the host sees that
    /// at once, also while other work hangs.
    /// </summary>
    Tensor Done { get; }

    /// <summary>Makes the device the calling thread's current one.</summary>
    void Enter();

    /// <summary>Memory of the device.</summary>
    /// <exception cref="MachineException">There is not enough.</exception>
    IDeviceBuffer Allocate(long bytes);

    /// <summary>Host memory that does not move, which the device sees at the same address.</summary>
    /// <exception cref="MachineException">There is not enough.</exception>
    IDeviceBuffer AllocateOnHost(long bytes);

    /// <summary>Queues a copy of host memory to the device; same type and shape, contiguous.</summary>
    void CopyToDevice(Tensor host, Tensor device);

    /// <summary>Queues a copy of the device's memory to the host; same type and shape, contiguous.</summary>
    void CopyToHost(Tensor device, Tensor host);

    /// <summary>Queues a copy within the device's memory; same type and shape, contiguous, apart from each other.</summary>
    void CopyOnDevice(Tensor source, Tensor target);

    /// <summary>Waits until all that was queued is done.</summary>
    /// <exception cref="MachineException">The device failed.</exception>
    void Synchronize();

    /// <summary>Queues a sum of parts in their order: ((p₀ + p₁) + p₂) + …, each addition rounded to f32.</summary>
    /// <param name="parts">f32 [parts · rows, width], one part behind the other.</param>
    /// <param name="target">f32 [rows, width]; may be one of the parts, and may otherwise not overlap them.</param>
    void Sum(Tensor parts, Tensor target);

    /// <summary>Queues: <see cref="Done"/> is one more, once all that was queued before is done.</summary>
    void Count();

    /// <summary>
    /// Queues a faster sum of the members' tensors than the library's, in place, with the same bits: by members that reach each
    /// other's memory. It counts itself, as <see cref="Count"/> does. What it takes follows from the group and the sizes alone,
    /// so that all members answer the same.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="data">f32 [rows, width].</param>
    /// <returns>Whether it is queued; otherwise nothing was.</returns>
    bool TryExchange(GroupKind group, Tensor data);

    /// <summary>Ends what waits on the device for other ranks in <see cref="TryExchange"/>, now and later. From any thread.</summary>
    void Abort();
}
