using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// What moves tensors between the host and a CUDA device, and fills them: each call queues its work on the stream it is
/// given and refuses tensors whose types or shapes differ before it does.
/// </summary>
internal sealed unsafe class CudaCopies(CudaDevice device) : IDisposable
{
    private PinnedRing? _staging;

    /// <summary>Queues a copy of <paramref name="host"/>, whose memory may change when this returns unless it is pinned.</summary>
    public void ToDevice(Tensor host, Tensor target, nint stream)
    {
        CheckSame(host, target);
        if (host.Bytes == 0)
        {
            return;
        }

        device.Enter();
        if (!host.IsContiguous || !target.IsContiguous)
        {
            CopyRows(host, target, CU.MemoryType.Host, CU.MemoryType.Device, stream, "copy to the device");
        }
        else if (host.Bytes >= PinnedRing.Worthwhile)
        {
            (_staging ??= new PinnedRing(device)).Copy(host.Address, target.Address, host.Bytes, stream);
        }
        else
        {
            // From memory that is not pinned the driver takes a copy before it returns.
            Check(CU.CopyHostToDevice(target.Address, host.Address, (nuint)host.Bytes, stream), "copy to the device");
        }
    }

    /// <summary>Queues a copy to <paramref name="host"/>, which has it once the stream has been waited for.</summary>
    public void ToHost(Tensor source, Tensor host, nint stream)
    {
        CheckSame(source, host);
        if (host.Bytes == 0)
        {
            return;
        }

        device.Enter();
        if (!host.IsContiguous || !source.IsContiguous)
        {
            CopyRows(source, host, CU.MemoryType.Device, CU.MemoryType.Host, stream, "copy from the device");
        }
        else
        {
            Check(CU.CopyDeviceToHost(host.Address, source.Address, (nuint)host.Bytes, stream), "copy from the device");
        }
    }

    /// <summary>Queues a copy between two places of the device, both contiguous.</summary>
    public void OnDevice(Tensor source, Tensor target, nint stream)
    {
        if (source.Type != target.Type || source.Shape != target.Shape || !source.IsContiguous || !target.IsContiguous)
        {
            throw new ArgumentException($"cannot copy {source} to {target}: expected the same type and shape, and contiguous rows", nameof(target));
        }

        if (source.Bytes > 0)
        {
            device.Enter();
            Check(CU.CopyDeviceToDevice(target.Address, source.Address, (nuint)source.Bytes, stream), "copy on the device");
        }
    }

    /// <summary>Queues: each byte of <paramref name="target"/> is <paramref name="value"/>; what lies between its rows stays.</summary>
    public void Fill(Tensor target, byte value, nint stream)
    {
        if (target.Bytes == 0)
        {
            return;
        }

        device.Enter();
        int size = target.Type.Size();
        Check(
            target.IsContiguous
                ? CU.Fill(target.Address, value, (nuint)target.Bytes, stream)
                : CU.Fill2D(target.Address, (nuint)(target.RowStride * size), value, (nuint)(target.Shape.RowCount * size), (nuint)target.Shape[0], stream),
            "fill memory");
    }

    /// <summary>Gives the pinned memory back; the stream has ended its work.</summary>
    public void Dispose() => _staging?.Dispose();

    private static void CheckSame(Tensor source, Tensor destination)
    {
        if (source.Type != destination.Type || source.Shape != destination.Shape)
        {
            throw new ArgumentException($"cannot copy {source} to {destination}: expected the same type and shape", nameof(destination));
        }
    }

    private void CopyRows(Tensor source, Tensor target, CU.MemoryType from, CU.MemoryType to, nint stream, string what)
    {
        int size = source.Type.Size();
        (nuint sourcePitch, nuint targetPitch) = (Pitch(source), Pitch(target));
        var copy = new CU.Copy2DParameters
        {
            SourceType = from,
            SourceHost = source.Address,
            SourceDevice = source.Address,
            SourcePitch = sourcePitch,
            TargetType = to,
            TargetHost = target.Address,
            TargetDevice = target.Address,
            TargetPitch = targetPitch,
            Width = (nuint)(source.Shape.RowCount * size),
            Height = (nuint)source.Shape[0],
        };
        Check(CU.Copy2D(copy, stream), what);
    }

    // Rows of a contiguous view lie one after the other whatever its stride says.
    private static nuint Pitch(Tensor tensor) => (nuint)((tensor.IsContiguous ? tensor.Shape.RowCount : tensor.RowStride) * tensor.Type.Size());

    private void Check(int error, string what) => CudaError.Check(error, device.Name, what);
}
