using Lean.Comm;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>
/// A rank's device whose memory the library does not reach: tensors go through the host's, where collectives are carried out,
/// and nothing of them is queued. The device itself is whoever's opened it.
/// </summary>
internal sealed class StagedRankDevice : IRankDevice
{
    private readonly KernelStream _stream;
    private readonly HostBuffer _done = new(sizeof(int));

    /// <param name="device">The device, one with a stream.</param>
    /// <param name="index">Its number among those of the host's ranks.</param>
    public StagedRankDevice(ComputeDevice device, int index) => (_stream, Index) = (device.Ops.Stream!, index);

    /// <inheritdoc/>
    public string Name => _stream.DeviceName;

    /// <inheritdoc/>
    public int Index { get; }

    /// <inheritdoc/>
    public nint Stream => 0;

    /// <inheritdoc/>
    public bool IsCapturing => false;

    /// <inheritdoc/>
    public Tensor Done => _done.View(DType.I32, new Shape(1));

    /// <inheritdoc/>
    public void Enter()
    {
    }

    /// <inheritdoc/>
    public IDeviceBuffer Allocate(long bytes) => _stream.Device.Allocate(bytes);

    /// <inheritdoc/>
    public IDeviceBuffer AllocateOnHost(long bytes) => _stream.Device.AllocateOnHost(bytes);

    /// <inheritdoc/>
    public void CopyToDevice(Tensor host, Tensor device) => _stream.CopyToDevice(host, device);

    /// <inheritdoc/>
    public void CopyToHost(Tensor device, Tensor host) => _stream.CopyToHost(device, host);

    /// <inheritdoc/>
    public void CopyOnDevice(Tensor source, Tensor target) => _stream.CopyOnDevice(source, target);

    /// <inheritdoc/>
    public void Synchronize() => _stream.Synchronize();

    /// <inheritdoc/>
    public void Sum(Tensor parts, Tensor target) => throw new NotSupportedException($"{Name}: parts are added in the host's memory");

    /// <inheritdoc/>
    public void Count() => throw new NotSupportedException($"{Name}: collectives are done when they return");

    /// <inheritdoc/>
    public bool TryExchange(GroupKind group, Tensor data) => false;

    /// <inheritdoc/>
    public void Abort()
    {
    }

    /// <inheritdoc/>
    public void Dispose() => _done.Dispose();
}
