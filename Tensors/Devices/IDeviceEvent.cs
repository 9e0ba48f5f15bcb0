namespace Lean.Tensors;

/// <summary>A point in a stream's work, made by <see cref="IStream.Record"/>.</summary>
public interface IDeviceEvent : IDisposable
{
    /// <summary>Whether the work before the point is complete; does not block.</summary>
    /// <exception cref="MachineException">The device failed.</exception>
    bool IsComplete { get; }

    /// <summary>Blocks until the work before the point is complete.</summary>
    /// <exception cref="MachineException">The device failed.</exception>
    void Synchronize();
}
