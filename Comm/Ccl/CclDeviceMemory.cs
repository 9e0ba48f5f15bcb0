using Lean.Tensors;

namespace Lean.Comm;

/// <summary>A device's memory that the library reaches: all is queued on the rank's stream.</summary>
internal sealed class CclDeviceMemory : ICclMemory
{
    private readonly IRankDevice _device;
    private readonly CclScratch _scratch;
    private readonly CclScratch _host;

    /// <param name="device">The device.</param>
    public CclDeviceMemory(IRankDevice device) =>
        (_device, _scratch, _host) = (device, new CclScratch(device.Allocate), new CclScratch(device.AllocateOnHost));

    public void Copy(nint source, nint target, long bytes)
    {
        if (source != target && bytes > 0)
        {
            _device.CopyOnDevice(Bytes(source, bytes), Bytes(target, bytes));
        }
    }

    public void Sum(DType type, nint parts, nint target, int places, long count)
    {
        if (type == DType.F32)
        {
            _device.Sum(new Tensor(type, new Shape(places, count), parts), new Tensor(type, new Shape(1, count), target));
            return;
        }

        // No step of a model has such sums over more than two ranks: it is the host that adds them.
        if (_device.IsCapturing)
        {
            throw new MachineException($"a sum of {type.Name()} over {places} ranks goes through the host and cannot be captured, expected f32");
        }

        long bytes = count * type.Size();
        nint host = _host.Take(places * bytes);
        _device.CopyToHost(Bytes(parts, places * bytes), Bytes(host, places * bytes));
        _device.Synchronize();
        Span<nint> addresses = stackalloc nint[places];
        for (int place = 0; place < places; place++)
        {
            addresses[place] = host + (nint)(place * bytes);
        }

        ExactSum.Add(type, addresses, new ReadOnlySpan<nint>(in host), 0, count, 0);
        _device.CopyToDevice(Bytes(host, bytes), Bytes(target, bytes));
        _device.Synchronize();
    }

    public nint Scratch(long bytes)
    {
        if (!_scratch.Has(bytes) && _device.IsCapturing)
        {
            throw new MachineException($"{bytes:N0} bytes are needed to capture a collective that is not in the step's plan");
        }

        return _scratch.Take(bytes);
    }

    public void Dispose()
    {
        _scratch.Dispose();
        _host.Dispose();
    }

    private static Tensor Bytes(nint address, long bytes) => new(DType.I8, new Shape(bytes), address);
}
