using Lean.Comm;
using Lean.Engine.Layers;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>A rank's CUDA device, as collectives and layers need it. The device itself is whoever's opened it.</summary>
internal sealed class CudaRankDevice : IRankDevice, IResidualSum
{
    private readonly PeerRank?[] _exchanges = new PeerRank?[Enum.GetValues<GroupKind>().Length];
    private readonly bool[] _asked = new bool[Enum.GetValues<GroupKind>().Length];
    private readonly int _rank;
    private readonly CudaPeers? _peers;
    private readonly KernelSet _ops;
    private readonly CudaStream _stream;
    private readonly CudaDevice _device;
    private readonly StreamCount _count;

    /// <param name="device">The device, a CUDA one.</param>
    /// <param name="rank">The rank, of the world.</param>
    /// <param name="peers">The devices of the other ranks, where they are in this process.</param>
    public CudaRankDevice(ComputeDevice device, int rank, CudaPeers? peers = null)
    {
        (_ops, _stream, _rank, _peers) = (device.Ops, (CudaStream)device.Ops.Stream!, rank, peers);
        _device = (CudaDevice)_stream.Device;
        _count = new StreamCount(_device);
        peers?.Add(rank, _device);
    }

    /// <inheritdoc/>
    public string Name => _device.Name;

    /// <inheritdoc/>
    public int Index => _device.Info.Index;

    /// <inheritdoc/>
    public nint Stream => _stream.Handle;

    /// <inheritdoc/>
    public bool IsCapturing => _stream.IsCapturing;

    /// <inheritdoc/>
    public Tensor Counted => _count.Shown;

    /// <inheritdoc/>
    public void Enter() => _device.Enter();

    /// <inheritdoc/>
    public IDeviceBuffer Allocate(long bytes) => _device.Allocate(bytes);

    /// <inheritdoc/>
    public IDeviceBuffer AllocateOnHost(long bytes) => _device.AllocateOnHost(bytes);

    /// <inheritdoc/>
    public void CopyToDevice(Tensor host, Tensor device) => _stream.CopyToDevice(host, device);

    /// <inheritdoc/>
    public void CopyToHost(Tensor device, Tensor host) => _stream.CopyToHost(device, host);

    /// <inheritdoc/>
    public void CopyOnDevice(Tensor source, Tensor target) => _stream.CopyOnDevice(source, target);

    /// <inheritdoc/>
    public void Synchronize() => _stream.Synchronize();

    /// <inheritdoc/>
    public void Sum(Tensor parts, Tensor target)
    {
        long count = target.Shape.Count;
        _ops.PartSum.Run(parts.Reshape(new Shape(parts.Shape.Count / count, count)), target);
    }

    /// <inheritdoc/>
    public void Count() => _stream.Count(_count);

    /// <inheritdoc/>
    public bool TryExchange(GroupKind group, Tensor data) => Exchange(group)?.TrySum(_stream, data, _count) == true;

    /// <inheritdoc/>
    public bool Takes(GroupKind group, long rows, long width) => Exchange(group)?.TakesNorm(rows, width) == true;

    /// <inheritdoc/>
    public void Run(GroupKind group, Tensor residual, Tensor delta, in NormWeight norm, Tensor normed, Tensor faults)
    {
        if (Exchange(group)?.TrySumNorm(_stream, residual, delta, norm.Weight, norm.Epsilon, normed, faults, norm.Place, _count) != true)
        {
            throw new InvalidOperationException($"{Name} cannot sum and norm {delta}");
        }
    }

    /// <inheritdoc/>
    public void Abort() => _peers?.Abort();

    /// <inheritdoc/>
    public void Dispose() => _count.Dispose();

    private PeerRank? Exchange(GroupKind group)
    {
        if (!_asked[(int)group])
        {
            (_asked[(int)group], _exchanges[(int)group]) = (true, _peers?.Find(group, _rank));
        }

        return _exchanges[(int)group];
    }
}
