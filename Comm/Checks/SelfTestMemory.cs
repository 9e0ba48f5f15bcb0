using Lean.Tensors;

namespace Lean.Comm;

/// <summary>What the self-test brings to a collective and looks at after it: host memory, and where ranks have devices the same there.</summary>
public sealed class SelfTestMemory : IDisposable
{
    private readonly ICollectives _collectives;
    private readonly IRankMemory? _device;
    private readonly IDeviceBuffer _host;
    private readonly IDeviceBuffer? _there;
    private readonly Tensor _whole;

    /// <summary>Makes memory that is poisoned: NaN in every float.</summary>
    /// <param name="collectives">The rank.</param>
    /// <param name="type">The element type.</param>
    /// <param name="own">The rank's own rows.</param>
    /// <param name="all">All members' rows.</param>
    /// <param name="width">Elements of a row.</param>
    public SelfTestMemory(ICollectives collectives, DType type, int own, int all, int width)
    {
        (_collectives, _device) = (collectives, collectives.Memory);

        // Both begin at a multiple of 16 bytes, as tensors of a device do.
        long second = ((long)own * width * type.Size() + 15) & ~15L, bytes = second + ((long)all * width * type.Size()) + 16;
        _host = _device?.AllocateOnHost(bytes) ?? new HostBuffer(bytes);
        _there = _device?.Allocate(bytes);
        _whole = _host.View(DType.I8, new Shape(bytes));
        _whole.AsSpan<byte>().Fill(0xff);
        IDeviceBuffer brought = _there ?? _host;
        (Mine, Theirs) = (_host.View(type, new Shape(own, width)), _host.View(type, new Shape(all, width), second));
        (BroughtMine, BroughtTheirs) = (brought.View(type, new Shape(own, width)), brought.View(type, new Shape(all, width), second));
    }

    /// <summary>The rank's own rows, on the host.</summary>
    public Tensor Mine { get; }

    /// <summary>All members' rows, on the host.</summary>
    public Tensor Theirs { get; }

    /// <summary>The rank's own rows, where collectives work.</summary>
    public Tensor BroughtMine { get; }

    /// <summary>All members' rows, where collectives work.</summary>
    public Tensor BroughtTheirs { get; }

    /// <summary>Takes what the host has filled in to where collectives work.</summary>
    public void Bring()
    {
        if (_there is not null)
        {
            _device!.CopyToDevice(_whole, _there.View(DType.I8, _whole.Shape));
        }
    }

    /// <summary>Waits for the collective, and takes what came of it to the host.</summary>
    /// <exception cref="MachineException">A fault, here or elsewhere.</exception>
    public void Return()
    {
        if (_there is not null)
        {
            _device!.CopyToHost(_there.View(DType.I8, _whole.Shape), _whole);
        }

        Wait();
    }

    /// <summary>Waits until all that was submitted is done.</summary>
    /// <exception cref="MachineException">A fault, here or elsewhere.</exception>
    public void Wait()
    {
        _device?.Synchronize();
        _collectives.Check();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _there?.Dispose();
        _host.Dispose();
    }
}
