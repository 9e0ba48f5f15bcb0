using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>A rank's device that is host memory, with a stream.</summary>
internal sealed unsafe class StandInDevice : IRankDevice
{
    private const int Host = -1;

    private readonly StandInDevices _all;
    private readonly ParallelLayout _layout;
    private readonly int _rank;
    private readonly int _mostExchanged;
    private readonly int _world;
    private readonly nint _stream;
    private readonly IDeviceBuffer _count;
    private readonly int* _ended;

    /// <summary>Makes it.</summary>
    /// <param name="all">The stand-in.</param>
    /// <param name="layout">How ranks are laid out.</param>
    /// <param name="rank">The rank.</param>
    /// <param name="mostExchanged">Elements up to which it exchanges by itself, as devices do that reach each other's memory.</param>
    /// <param name="world">Tells exchanges of one world from those of another.</param>
    internal StandInDevice(StandInDevices all, ParallelLayout layout, int rank, int mostExchanged = 0, int world = 0)
    {
        (_all, _layout, _rank, _mostExchanged, _world) = (all, layout, rank, mostExchanged, world);
        _stream = all.Stream(rank);
        _count = AllocateOnHost(sizeof(int));
        _ended = (int*)NativeMemory.AllocZeroed(sizeof(int));
        Counted = _count.View(DType.I32, new Shape(1));
        Counted.AsSpan<int>()[0] = int.MaxValue - 5;
    }

    /// <inheritdoc/>
    public string Name => $"host:{_rank}";

    /// <inheritdoc/>
    public int Index => _rank;

    /// <inheritdoc/>
    public nint Stream => _stream;

    /// <inheritdoc/>
    public bool IsCapturing { get; private set; }

    /// <inheritdoc/>
    public Tensor Counted { get; }

    /// <summary>How often it exchanged by itself.</summary>
    internal int Exchanges { get; private set; }

    /// <inheritdoc/>
    public void Enter() => _all.Enter(_rank);

    /// <inheritdoc/>
    public IDeviceBuffer Allocate(long bytes) => Allocate(_rank, bytes);

    /// <inheritdoc/>
    public IDeviceBuffer AllocateOnHost(long bytes) => Allocate(Host, bytes);

    /// <inheritdoc/>
    public void CopyToDevice(Tensor host, Tensor device) => _all.Copy(_stream, host.Address, Host, device.Address, _rank, host.Bytes);

    /// <inheritdoc/>
    public void CopyToHost(Tensor device, Tensor host) => _all.Copy(_stream, device.Address, _rank, host.Address, Host, device.Bytes);

    /// <inheritdoc/>
    public void CopyOnDevice(Tensor source, Tensor target) => _all.Copy(_stream, source.Address, _rank, target.Address, _rank, source.Bytes);

    /// <inheritdoc/>
    public void Synchronize() => _all.Wait(_stream);

    /// <inheritdoc/>
    public void Sum(Tensor parts, Tensor target) => _all.Sum(_stream, parts.Address, target.Address, (int)(parts.Shape.Count / target.Shape.Count), target.Shape.Count);

    /// <inheritdoc/>
    public void Count() => _all.Count(_stream, Counted.Address);

    /// <inheritdoc/>
    public bool TryExchange(GroupKind group, Tensor data)
    {
        if (data.Shape.Count > _mostExchanged)
        {
            return false;
        }

        RankGroup members = _layout.Group(group, _rank);
        _all.Exchange(_stream, (((_world * 16) + (int)group) * 16) + members.Members[0], members.Size, members.Place, data.Address, data.Shape.Count, (nint)_ended, Counted.Address);
        Exchanges++;
        return true;
    }

    /// <inheritdoc/>
    public void Abort()
    {
        Volatile.Write(ref *_ended, 1);
        _all.Wake();
    }

    /// <summary>What work queues goes into a graph, until it is launched.</summary>
    internal nint Capture(Action work)
    {
        IsCapturing = true;
        _all.Capture(_stream);
        work();
        IsCapturing = false;
        return _all.Captured(_stream);
    }

    /// <summary>The stream stands still.</summary>
    internal void Hold() => _all.Hold(_stream);

    // The word that ends exchanges stays: a stream that hangs may still read it.
    public void Dispose()
    {
        _all.EndStream(_stream);
        _count.Dispose();
    }

    private Buffer Allocate(int device, long bytes) =>
        IsCapturing ? throw new InvalidOperationException("memory is allocated while a step is captured") : new Buffer(_all, _all.Allocate(device, long.Max(bytes, 1)), bytes);

    private sealed class Buffer(StandInDevices all, nint address, long bytes) : IDeviceBuffer
    {
        public long Bytes => bytes;

        public nint Address => address;

        public Tensor View(DType type, Shape shape, long byteOffset = 0) => byteOffset + (shape.Count * type.Size()) > bytes
            ? throw new ArgumentException($"{type.Name()} {shape} at byte {byteOffset} does not fit into {bytes} bytes", nameof(shape))
            : new Tensor(type, shape, address + (nint)byteOffset);

        public void Dispose() => all.Free(address);
    }
}
