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
        _promises.Add(address, new Range(bytes, key, distribution, Width: 0, Stride: 0, Offset: 0));

    /// <inheritdoc/>
    public bool TryPromise(Tensor whole, in WeightSlice slice, nint address)
    {
        if (Find(whole.Address) is not { } found)
        {
            return false;
        }

        if (found.Start != whole.Address || found.Range is { Width: > 0 } or { Offset: > 0 })
        {
            throw new InvalidOperationException($"{whole} is part of a synthetic tensor already");
        }

        long outer = 1, inside = 1, size = whole.Type.Size();
        for (int d = 0; d < whole.Shape.Rank; d++)
        {
            outer *= d < slice.Dimension ? whole.Shape[d] : 1;
            inside *= d > slice.Dimension ? whole.Shape[d] : 1;
        }

        if (slice.Ranges is [var only])
        {
            // Runs at equal distances.
            _promises.Add(address, found.Range with
            {
                Bytes = outer * only.Count * inside * size,
                Width = outer > 1 ? checked((int)(only.Count * inside)) : 0,
                Stride = outer > 1 ? checked((int)(whole.Shape[slice.Dimension] * inside)) : 0,
                Offset = only.Start * inside,
            });
            return true;
        }

        for (long o = 0; o < outer; o++)
        {
            foreach (IndexRange range in slice.Ranges)
            {
                long bytes = range.Count * inside * size;
                _promises.Add(address, found.Range with { Bytes = bytes, Offset = ((o * whole.Shape[slice.Dimension]) + range.Start) * inside });
                address += (nint)bytes;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public bool TryMake(Tensor named, Tensor device)
    {
        if (Find(named.Address) is null)
        {
            return false;
        }

        // A slice of several ranges is several promises, one behind the other.
        Tensor values = device.Reshape(new Shape(device.Shape.Count));
        for (long done = 0; done < values.Shape.Count;)
        {
            if (!named.IsContiguous || Find(named.Address + (nint)(done * sizeof(ushort))) is not { } found)
            {
                throw new InvalidOperationException($"{named} is not part of one synthetic tensor");
            }

            Range range = found.Range;
            long first = ((named.Address - found.Start) / sizeof(ushort)) + done, count = long.Min(values.Shape.Count - done, (range.Bytes / sizeof(ushort)) - first);
            _kernel.Fill(Table(range.Distribution), values.Rows(done, count), range.Key, first, range.Width, range.Stride, range.Offset);
            done += count;
        }

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

    // The promise that an address lies in.
    private (nint Start, Range Range)? Find(nint address)
    {
        int low = 0, high = _promises.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _promises.Keys[middle] <= address ? (middle + 1, high) : (low, middle);
        }

        return low > 0 && address - _promises.Keys[low - 1] < _promises.Values[low - 1].Bytes ? (_promises.Keys[low - 1], _promises.Values[low - 1]) : null;
    }

    // Value j of a range is the tensor's value Offset + j, or where it has runs Offset + ⌊j / Width⌋ · Stride + j mod Width.
    private readonly record struct Range(long Bytes, ulong Key, SyntheticDistribution Distribution, int Width, int Stride, long Offset);
}
