using Lean.Tensors;

namespace Lean.Comm.Ranks;

/// <summary>A rank's device that is the host, and does everything at once.</summary>
/// <param name="rank">The rank.</param>
internal sealed class ImmediateDevice(int rank) : IRankDevice
{
    private readonly IStream _stream = CpuDevice.Shared.CreateStream();
    private readonly HostBuffer _count = new(sizeof(int));

    public string Name => $"host:{rank}";

    public int Index => rank;

    public nint Stream => 1;

    public bool IsCapturing => false;

    public Tensor Counted => _count.View(DType.I32, new Shape(1));

    public void Enter()
    {
    }

    public IDeviceBuffer Allocate(long bytes) => new HostBuffer(bytes);

    public IDeviceBuffer AllocateOnHost(long bytes) => new HostBuffer(bytes);

    public void CopyToDevice(Tensor host, Tensor device) => _stream.CopyToDevice(host, device);

    public void CopyToHost(Tensor device, Tensor host) => _stream.CopyToHost(device, host);

    public void CopyOnDevice(Tensor source, Tensor target) => _stream.CopyOnDevice(source, target);

    public void Synchronize()
    {
    }

    public void Sum(Tensor parts, Tensor target)
    {
        Span<float> sums = target.AsSpan<float>();
        float[] added = new float[sums.Length];
        for (int at = 0; at < parts.Shape.Count; at++)
        {
            float part = parts.AsSpan<float>()[at];
            added[at % added.Length] = at < added.Length ? part : added[at % added.Length] + part;
        }

        added.CopyTo(sums);
    }

    public void Count() => Counted.AsSpan<int>()[0]++;

    public bool TryExchange(GroupKind group, Tensor data) => false;

    public void Abort()
    {
    }

    public void Dispose()
    {
        _stream.Dispose();
        _count.Dispose();
    }
}
