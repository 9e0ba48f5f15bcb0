using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// One-shot sums of few rows over the CUDA devices of this process, through memory that each device writes into the others':
/// a kernel on each, no library. The protocol stands in Kernels/Device/Ops/PeerChannel.cs; large sums are a collective
/// library's business.
/// </summary>
/// <remarks>A group of ranks has one; its rank r is the r-th of the devices. It may be made and disposed on any thread, disposed once nothing is queued.</remarks>
public sealed class PeerExchange : IDisposable
{
    /// <summary>The most ranks.</summary>
    public const int MostRanks = 8;

    /// <summary>Numbers up to which sums are taken where nobody says otherwise: 64 rows of 2,048.</summary>
    public const long UsualNumbers = 64 * 2048;

    private const int Line = 128;

    private readonly IDeviceBuffer[] _memory;
    private readonly PeerRank[] _ranks;
    private IDeviceBuffer? _host;

    /// <summary>Connects devices.</summary>
    /// <param name="devices">2 to 8 different ones, in the order of the ranks; <see cref="WhyUnavailable"/> says whether they can be.</param>
    /// <param name="mostNumbers">The largest sum that is taken; what the smallest device can run at once is the limit.</param>
    /// <exception cref="MachineException">They do not reach each other's memory, or there is not enough of it.</exception>
    public PeerExchange(IReadOnlyList<CudaDevice> devices, long mostNumbers = UsualNumbers)
    {
        ArgumentNullException.ThrowIfNull(devices);
        ArgumentOutOfRangeException.ThrowIfLessThan(mostNumbers, 1);
        if (WhyUnavailable(devices) is { } reason)
        {
            throw new MachineException(reason);
        }

        foreach (CudaDevice device in devices)
        {
            foreach (CudaDevice other in devices)
            {
                device.Reach(other);
            }
        }

        // A group for each channel, which all wait at once: so each can have a multiprocessor of its own.
        long channels = long.Min((mostNumbers + PeerRank.ChannelNumbers - 1) / PeerRank.ChannelNumbers, devices.Min(static d => d.Info.Multiprocessors));
        (_memory, _ranks) = (new IDeviceBuffer[devices.Count], new PeerRank[devices.Count]);
        try
        {
            Connect(devices, channels);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How many ranks there are.</summary>
    public int Ranks => _ranks.Length;

    /// <summary>A rank's end.</summary>
    public PeerRank this[int rank] => _ranks[rank];

    /// <summary>Why these devices have no such exchange, in a sentence, or null.</summary>
    public static string? WhyUnavailable(IReadOnlyList<CudaDevice> devices)
    {
        ArgumentNullException.ThrowIfNull(devices);
        if (devices.Count is < 2 or > MostRanks)
        {
            return $"an exchange through peers' memory takes 2 to {MostRanks} devices, not {devices.Count}";
        }

        for (int i = 0; i < devices.Count; i++)
        {
            for (int j = 0; j < devices.Count; j++)
            {
                if (i != j && devices[i].Info.Handle == devices[j].Info.Handle)
                {
                    return $"{devices[i].Name} is two ranks of one exchange: its kernels might wait for each other without running at once";
                }

                if (i != j && !devices[i].CanReach(devices[j]))
                {
                    return $"{devices[i].Name} does not reach the memory of {devices[j].Name}: no NVLink, and no peer access over PCIe";
                }
            }
        }

        return null;
    }

    /// <summary>Makes all devices stop waiting within milliseconds. What they then have is undefined, and the exchange is of no more use.</summary>
    public void Abort()
    {
        if (_host is { } host)
        {
            Volatile.Write(ref host.View(DType.I32, new Shape(1)).AsSpan<int>()[0], 1);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDeviceBuffer? buffer in _memory)
        {
            buffer?.Dispose();
        }

        // Nobody writes to it any more.
        IDeviceBuffer? host = _host;
        _host = null;
        host?.Dispose();
    }

    // Of a rank's memory the inbox comes first, then the counts, then the addresses of all inboxes.
    private void Connect(IReadOnlyList<CudaDevice> devices, long channels)
    {
        int ranks = devices.Count;
        long inbox = PeerRank.InboxBytes(channels, ranks), counts = (channels + 31) / 32 * Line;
        Shape addresses = new(ranks, 2);
        _host = devices[0].AllocateOnHost(sizeof(int));
        Tensor abort = _host.View(DType.I32, new Shape(1));
        abort.AsSpan<int>().Clear();
        using var table = new HostBuffer(ranks * sizeof(long));
        for (int r = 0; r < ranks; r++)
        {
            _memory[r] = devices[r].Allocate(inbox + counts + table.Bytes);
            table.View(DType.I64, new Shape(ranks)).AsSpan<long>()[r] = _memory[r].Address;
        }

        // Nobody sends before all inboxes are empty.
        for (int r = 0; r < ranks; r++)
        {
            using KernelStream stream = devices[r].CreateStream(profile: false);
            Tensor inboxes = _memory[r].View(DType.I32, addresses, inbox + counts);
            stream.Fill(_memory[r].View(DType.I8, new Shape(inbox + counts)), 0);
            stream.CopyToDevice(table.View(DType.I32, addresses), inboxes);
            stream.Synchronize();
            _ranks[r] = new PeerRank(r, inboxes, _memory[r].View(DType.I32, new Shape(channels), inbox), abort);
        }
    }
}
