using System.Runtime.InteropServices;

namespace Lean.Tensors;

/// <summary>The host's stream: nothing is ever queued, so every event is complete when it is recorded.</summary>
internal sealed unsafe class CpuStream : IStream
{
    public void CopyToDevice(Tensor host, Tensor device) => Copy(host, device);

    public void CopyToHost(Tensor device, Tensor host) => Copy(device, host);

    public void CopyOnDevice(Tensor source, Tensor target)
    {
        if (!source.IsContiguous || !target.IsContiguous)
        {
            throw new ArgumentException($"cannot copy {source} to {target}: expected contiguous rows", nameof(target));
        }

        Copy(source, target);
    }

    public void Fill(Tensor device, byte value)
    {
        (long rows, long rowBytes) = Rows(device, device.IsContiguous);
        for (long row = 0; row < rows; row++)
        {
            NativeMemory.Fill(RowAddress(device, row), (nuint)rowBytes, value);
        }
    }

    public IDeviceEvent Record() => Completed.Instance;

    public void Wait(IDeviceEvent after) => after.Synchronize();

    public void Synchronize()
    {
    }

    public void Dispose()
    {
    }

    private static void Copy(Tensor source, Tensor destination)
    {
        if (source.Type != destination.Type || source.Shape != destination.Shape)
        {
            throw new ArgumentException($"cannot copy {source} to {destination}: expected the same type and shape", nameof(destination));
        }

        (long rows, long rowBytes) = Rows(source, source.IsContiguous && destination.IsContiguous);
        for (long row = 0; row < rows; row++)
        {
            NativeMemory.Copy(RowAddress(source, row), RowAddress(destination, row), (nuint)rowBytes);
        }
    }

    private static (long Rows, long RowBytes) Rows(Tensor tensor, bool contiguous) =>
        contiguous ? (1, tensor.Bytes) : (tensor.Shape[0], tensor.Shape.RowCount * tensor.Type.Size());

    private static void* RowAddress(Tensor tensor, long row) =>
        (byte*)tensor.Address + (row * tensor.RowStride * tensor.Type.Size());

    private sealed class Completed : IDeviceEvent
    {
        public static readonly Completed Instance = new();

        public bool IsComplete => true;

        public void Synchronize()
        {
        }

        public void Dispose()
        {
        }
    }
}
