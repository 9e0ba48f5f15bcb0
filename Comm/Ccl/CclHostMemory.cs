using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Host memory in which the library moves tensors of a device that it does not reach: all is done when a call returns. The
/// device's tensors are copied here before, and back after.
/// </summary>
internal sealed unsafe class CclHostMemory : ICclMemory
{
    private readonly IRankDevice _device;
    private readonly CclScratch _scratch;
    private readonly CclScratch _source;
    private readonly CclScratch _target;

    /// <param name="device">The device.</param>
    public CclHostMemory(IRankDevice device) => (_device, _scratch, _source, _target) =
        (device, new CclScratch(device.AllocateOnHost), new CclScratch(device.AllocateOnHost), new CclScratch(device.AllocateOnHost));

    /// <summary>Brings a device's tensor that is read.</summary>
    /// <returns>The same elements here, until the next call.</returns>
    public Tensor Bring(Tensor device)
    {
        var host = new Tensor(device.Type, device.Shape, _source.Take(device.Bytes));
        if (device.Bytes > 0)
        {
            _device.CopyToHost(device, host);
            _device.Synchronize();
        }

        return host;
    }

    /// <summary>Room for a device's tensor that is written.</summary>
    public Tensor Room(Tensor device) => new(device.Type, device.Shape, _target.Take(device.Bytes));

    /// <summary>Takes what was written back to the device.</summary>
    public void Return(Tensor host, Tensor device)
    {
        if (device.Bytes > 0)
        {
            _device.CopyToDevice(host, device);
            _device.Synchronize();
        }
    }

    public void Copy(nint source, nint target, long bytes)
    {
        if (source != target && bytes > 0)
        {
            NativeMemory.Copy((void*)source, (void*)target, (nuint)bytes);
        }
    }

    public void Sum(DType type, nint parts, nint target, int places, long count)
    {
        Span<nint> addresses = stackalloc nint[places];
        for (int place = 0; place < places; place++)
        {
            addresses[place] = parts + (nint)(place * count * type.Size());
        }

        ExactSum.Add(type, addresses, new ReadOnlySpan<nint>(in target), 0, count, 0);
    }

    public nint Scratch(long bytes) => _scratch.Take(bytes);

    public void Dispose()
    {
        _scratch.Dispose();
        _source.Dispose();
        _target.Dispose();
    }
}
