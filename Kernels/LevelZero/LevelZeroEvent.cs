using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A point in a command list. A driver's event must outlive the work that signals it or waits for it, so streams hold it
/// too until that work is done; whoever lets go last gives it back.
/// </summary>
internal sealed class LevelZeroEvent(LevelZeroDevice device) : IDeviceEvent
{
    private int _holders = 1;
    private int _disposed;

    /// <summary>The driver's event.</summary>
    public nint Value { get; } = device.Events.Take();

    /// <summary>The device whose streams can wait for it without the host.</summary>
    public LevelZeroDevice Device => device;

    public bool IsComplete
    {
        get
        {
            int status = ZE.EventQueryStatus(Value);
            if (status != ZE.NotReady)
            {
                ZEError.Check(status, device.Name, "run what was queued");
            }

            return status == ZE.Success;
        }
    }

    public void Synchronize() => ZEError.Check(ZE.EventHostSynchronize(Value, ZE.Forever), device.Name, "run what was queued");

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            LetGo();
        }
    }

    /// <summary>Keeps it until <see cref="LetGo"/>.</summary>
    public void Hold() => Interlocked.Increment(ref _holders);

    /// <summary>Ends a <see cref="Hold"/>.</summary>
    public void LetGo()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            device.Events.Return(Value);
        }
    }
}
