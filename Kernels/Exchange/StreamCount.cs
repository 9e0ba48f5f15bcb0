using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// How much of its work a CUDA stream has done, counted by the device where the host reads it: while the stream runs a
/// graph, and while it hangs. <see cref="CudaStream.Count"/> and the exchanges of <see cref="PeerRank"/> count.
/// </summary>
/// <remarks>The device keeps the count in its own memory and writes it to the host's: it would take longer to read it there.</remarks>
public sealed class StreamCount : IDisposable
{
    private readonly IDeviceBuffer? _kept, _shown;

    /// <summary>Begins at 0; one stream alone counts.</summary>
    /// <param name="device">The stream's device.</param>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public StreamCount(CudaDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        Shape one = new(1);
        _kept = device.Allocate(sizeof(int));
        _shown = device.AllocateOnHost(sizeof(int));
        (Kept, Shown) = (_kept.View(DType.I32, one), _shown.View(DType.I32, one));
        Shown.AsSpan<int>().Clear();
        using KernelStream stream = device.CreateStream(profile: false);
        stream.Fill(Kept, 0);
        stream.Synchronize();
    }

    internal StreamCount(Tensor kept, Tensor shown) => (Kept, Shown) = (kept, shown);

    /// <summary>i32 [1] in memory of the host that the device writes.</summary>
    public Tensor Shown { get; }

    /// <summary>The count as the host sees it now, modulo 2³².</summary>
    public int Value => Volatile.Read(ref Shown.AsSpan<int>()[0]);

    /// <summary>i32 [1] in the device's memory.</summary>
    internal Tensor Kept { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _kept?.Dispose();
        _shown?.Dispose();
    }
}
