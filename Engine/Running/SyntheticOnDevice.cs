using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// The large tensors of a synthetic model that runs on a device: memory of the host is set aside for their addresses,
/// but never touched, and a kernel makes the values in the device's memory.
/// </summary>
internal sealed class SyntheticOnDevice : IDeferredWeights, IDisposable
{
    private readonly KernelStream _stream;
    private readonly SyntheticWeightsDevice _kernel;
    private readonly SortedList<nint, Range> _promises = [];
    private readonly Dictionary<SyntheticDistribution, IDeviceBuffer> _tables = [];

    /// <param name="stream">Where the kernel is queued.</param>
    public SyntheticOnDevice(KernelStream stream) => (_stream, _kernel) = (stream, new SyntheticWeightsDevice(stream));

    /// <inheritdoc/>
    public void Promise(nint address, long bytes, ulong key, SyntheticDistribution distribution) =>
        _promises.Add(address, new Range(bytes, key, distribution));

    /// <inheritdoc/>
    public bool TryMake(Tensor named, Tensor device)
    {
        int at = Before(named.Address);
        if (at < 0)
        {
            return false;
        }

        (nint start, Range promise) = (_promises.Keys[at], _promises.Values[at]);
        long offset = named.Address - start;
        if (offset >= promise.Bytes)
        {
            return false;
        }

        if (!named.IsContiguous || offset + named.Bytes > promise.Bytes)
        {
            throw new InvalidOperationException($"{named} is not part of one synthetic tensor");
        }

        _kernel.Fill(Table(promise.Distribution), device.Reshape(new Shape(device.Shape.Count)), promise.Key, offset / sizeof(ushort));
        return true;
    }

    public void Dispose()
    {
        // What was queued still reads the tables.
        _stream.Synchronize();
        foreach (IDeviceBuffer table in _tables.Values)
        {
            table.Dispose();
        }

        _tables.Clear();
    }

    private Tensor Table(SyntheticDistribution distribution)
    {
        var shape = new Shape(distribution.Table.Length);
        if (!_tables.TryGetValue(distribution, out IDeviceBuffer? table))
        {
            using HostBuffer host = HostBuffer.For(DType.BF16, shape);
            distribution.Table.CopyTo(host.View(DType.BF16, shape).AsSpan<ushort>());
            table = _stream.Device.Allocate(host.Bytes);
            _tables.Add(distribution, table);
            _stream.CopyToDevice(host.View(DType.BF16, shape), table.View(DType.BF16, shape));
            _stream.Synchronize();
        }

        return table.View(DType.BF16, shape);
    }

    // The last range that begins at or before an address.
    private int Before(nint address)
    {
        int low = 0, high = _promises.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _promises.Keys[middle] <= address ? (middle + 1, high) : (low, middle);
        }

        return low - 1;
    }

    private readonly record struct Range(long Bytes, ulong Key, SyntheticDistribution Distribution);
}
