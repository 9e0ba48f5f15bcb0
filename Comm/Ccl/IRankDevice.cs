using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// A rank's device whose memory the library reaches: one stream, and the few things that are queued on it beside NCCL's. Work
/// is queued on the rank's thread; any thread may call <see cref="Enter"/>, <see cref="IRankMemory.Synchronize"/> and <see cref="Abort"/>.
/// </summary>
public interface IRankDevice : IRankMemory, IDisposable
{
    /// <summary>The device as messages name it: cuda:1.</summary>
    string Name { get; }

    /// <summary>The driver's number of it.</summary>
    int Index { get; }

    /// <summary>The stream on which the rank queues everything, as NCCL takes it.</summary>
    nint Stream { get; }

    /// <summary>Whether what is queued now goes into a graph instead of running.</summary>
    bool IsCapturing { get; }

    /// <summary>
    /// How often <see cref="Count"/> was carried out, i32 [1] in host memory that the device sees: only the device changes it, and
    /// the host sees that at once, also while other work hangs.
    /// </summary>
    Tensor Counted { get; }

    /// <summary>Makes the device the calling thread's current one.</summary>
    void Enter();

    /// <summary>Queues a copy within the device's memory; same type and shape, contiguous, apart from each other.</summary>
    void CopyOnDevice(Tensor source, Tensor target);

    /// <summary>Queues a sum of parts in their order: ((p₀ + p₁) + p₂) + …, each addition rounded to f32.</summary>
    /// <param name="parts">f32 [parts · rows, width], one part behind the other.</param>
    /// <param name="target">f32 [rows, width]; may be one of the parts, and may otherwise not overlap them.</param>
    void Sum(Tensor parts, Tensor target);

    /// <summary>
    /// Queues: <see cref="Counted"/> is one more, once all that was queued before is done. It stands before each collective, so
    /// that the host sees which one the device has come to, and behind it; within a graph behind a step's last one alone.
    /// </summary>
    void Count();

    /// <summary>
    /// Queues a faster sum of the members' tensors than the library's, in place, with the same bits: by members that reach each
    /// other's memory. It counts itself, as <see cref="Count"/> does, before it waits for the others. What it takes follows from the
    /// group and the sizes alone, so that all members answer the same.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="data">f32 [rows, width].</param>
    /// <returns>Whether it is queued; otherwise nothing was.</returns>
    bool TryExchange(GroupKind group, Tensor data);

    /// <summary>Ends what waits on the device for other ranks in <see cref="TryExchange"/>, now and later. From any thread.</summary>
    void Abort();
}
