namespace Lean.Kernels;

/// <summary>A device's events: made in pools, given back and used again.</summary>
/// <param name="device">The device.</param>
/// <param name="timed">Whether they take kernels' times.</param>
internal sealed unsafe class LevelZeroEvents(LevelZeroDevice device, bool timed) : IDisposable
{
    private const int PoolSize = 64;

    private readonly List<DriverHandle> _pools = [];
    private readonly List<DriverHandle> _events = [];
    private readonly Stack<nint> _free = [];
    private readonly Lock _changing = new();

    /// <summary>An event that has not happened.</summary>
    public nint Take()
    {
        lock (_changing)
        {
            if (_free.Count == 0)
            {
                Grow();
            }

            nint taken = _free.Pop();
            ZEError.Check(ZE.EventHostReset(taken), device.Name, "reset an event");
            return taken;
        }
    }

    /// <summary>Takes back an event that no queued work signals or waits for.</summary>
    public void Return(nint taken)
    {
        lock (_changing)
        {
            _free.Push(taken);
        }
    }

    public void Dispose()
    {
        _events.ForEach(static e => e.Dispose());
        _pools.ForEach(static p => p.Dispose());
    }

    private void Grow()
    {
        var description = new ZEEventPoolDescription
        {
            Header = new(ZEHeader.Number.EventPool),
            Flags = ZEEventPoolDescription.HostVisible | (timed ? ZEEventPoolDescription.KernelTimestamps : 0),
            Count = PoolSize,
        };
        nint pool = 0, id = device.Info.Device;
        ZEError.Check(ZE.EventPoolCreate(device.Context, &description, 1, &id, &pool), device.Name, "make events");
        _pools.Add(new DriverHandle(pool, &ZE.EventPoolDestroy));
        for (uint i = 0; i < PoolSize; i++)
        {
            var one = new ZEEventDescription
            {
                Header = new(ZEHeader.Number.Event),
                Index = i,
                Signal = ZEEventDescription.HostScope,
                Wait = ZEEventDescription.HostScope,
            };
            nint made = 0;
            ZEError.Check(ZE.EventCreate(pool, &one, &made), device.Name, "make events");
            _events.Add(new DriverHandle(made, &ZE.EventDestroy));
            _free.Push(made);
        }
    }
}
