using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// A rank with a device, by NCCL or oneCCL. With a stream everything is queued there in the order of the calls, and can be
/// captured; once warm nothing is allocated. Without one, tensors go through host memory, and calls return when all is done.
/// </summary>
public sealed class CclCollectives : RankCollectives
{
    // How long a call of the library may still take when everything is to end; one that hangs is ended within.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    // How long the device may take to come to an end of what is queued, when the rank ends.
    private static readonly TimeSpan s_end = TimeSpan.FromSeconds(10);

    private readonly ICclPeers _peers;
    private readonly Lock _calling = new();
    private readonly CclGroup?[] _groups = new CclGroup?[Enum.GetValues<GroupKind>().Length];
    private IRankDevice? _device;
    private ICclMemory? _memory;
    private CclMoves? _moves;
    private CollectivePlan? _reserved;
    private Thread? _ending;

    internal CclCollectives(ICclPeers peers, ParallelLayout layout, int rank, string transport, int recorderCapacity) : base(layout, rank, recorderCapacity) =>
        (_peers, Transport) = (peers, transport);

    /// <inheritdoc/>
    public override string Transport { get; }

    /// <inheritdoc/>
    public override bool IsQueued => true;

    /// <inheritdoc/>
    public override bool CanCapture => Device.Stream != 0;

    /// <summary>The rank's device.</summary>
    /// <exception cref="InvalidOperationException">Its thread has not opened it yet.</exception>
    public IRankDevice Device => _device ?? throw new InvalidOperationException($"rank {Rank} has no device yet");

    /// <summary>Whether it has a device.</summary>
    internal bool HasDevice => _device is not null;

    private protected override string? Fault => _peers.Fault;

    /// <inheritdoc/>
    public override void Abort(string reason) => _peers.Abort(reason);

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        if (_memory is CclHostMemory)
        {
            // There calls return when all is done, and have thrown; one that hangs must not keep who asks.
            return;
        }

        lock (_calling)
        {
            try
            {
                foreach (CclGroup? group in _groups)
                {
                    group?.Check();
                }
            }
            catch (MachineException fault)
            {
                throw Fail($"rank {Rank}: {fault.Message}");
            }
        }
    }

    /// <summary>Takes the device, and goes on to own it.</summary>
    internal void Take(IRankDevice device)
    {
        _device = device;
        _memory = device.Stream == 0 ? new CclHostMemory(device) : new CclDeviceMemory(device);
        _moves = new CclMoves(_memory);
        if (device.Stream != 0)
        {
            Recorder.Follow(device.Done);
        }
    }

    /// <summary>Takes the rank's groups at the library, by <see cref="GroupKind"/>; null where it is alone, the same object where kinds have the same members.</summary>
    internal void Take(ReadOnlySpan<CclGroup?> groups)
    {
        lock (_calling)
        {
            groups.CopyTo(_groups);
        }
    }

    /// <summary>After a fault, ends what hangs on the device, on a thread of its own. Called once.</summary>
    /// <param name="then">What to do next.</param>
    internal void BeginEnd(Action? then = null)
    {
        _ending = new Thread(() =>
        {
            EndGroups();
            then?.Invoke();
        })
        { Name = $"end of rank {Rank}", IsBackground = true };
        _ending.Start();
    }

    /// <summary>Whether the rank's thread is outside the library, or comes out in time.</summary>
    internal bool IsOutside(TimeSpan patience)
    {
        bool entered = _calling.TryEnter(patience);
        if (entered)
        {
            _calling.Exit();
        }

        return entered;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && _device is not null)
        {
            _device.Enter();
            Recorder.Unfollow();
            if (_ending?.Join(s_end) is not false && IsIdle(_device))
            {
                // Groups and memory go when nothing of theirs is under way.
                foreach (CclGroup group in Distinct())
                {
                    group.Dispose();
                }

                _memory!.Dispose();
                _device.Dispose();
            }

            _device = null;
        }

        base.Dispose(disposing);
    }

    private protected override void Approach() => _peers.Approach(Rank);

    private protected override void Agree(long step, CollectivePlan plan)
    {
        if (_peers.Compare(Rank, step, plan) is { } fault)
        {
            throw Fail(fault);
        }
    }

    private protected override void Begun(CollectivePlan plan)
    {
        Device.Enter();
        if (plan == _reserved)
        {
            return;
        }

        // Now, since nothing can be allocated while a step is captured.
        long bytes = 0;
        foreach (PlannedCollective entry in plan.Entries)
        {
            bytes = long.Max(bytes, CclMoves.ScratchBytes(entry, Group(entry.Group)));
        }

        _ = _memory!.Scratch(bytes);
        _reserved = plan;
    }

    private protected override void Move(long step, int seq, PlannedCollective entry, RankGroup group, Tensor source, Tensor target)
    {
        bool isCounted;
        lock (_calling)
        {
            ThrowIfFaulted();
            try
            {
                isCounted = Carry(entry, group, source, target);
            }
            catch (MachineException fault)
            {
                throw Fail($"rank {Rank}: {fault.Message}");
            }
        }

        if (!isCounted)
        {
            Device.Count();
        }
    }

    private bool Carry(PlannedCollective entry, RankGroup group, Tensor source, Tensor target)
    {
        CclGroup? members = _groups[(int)entry.Group];
        if (_memory is CclHostMemory host)
        {
            if (entry.Kind == CollectiveKind.SendReceive && group.Place != entry.Root && group.Place != entry.Peer)
            {
                return true;
            }

            Tensor read = host.Bring(source), written = target == source ? read : host.Room(target);
            _moves!.Run(entry, group, members, SentRows, ReceivedRows, read, written);
            host.Return(written, target);
            return true;
        }

        if (entry is { Kind: CollectiveKind.AllReduce, Type: DType.F32 } && members is not null && source.Shape.Count > 0
            && Device.TryExchange(entry.Group, source.Reshape(new Shape(entry.Rows[Rank], entry.Width))))
        {
            return true;
        }

        _moves!.Run(entry, group, members, SentRows, ReceivedRows, source, target);
        return false;
    }

    private void EndGroups()
    {
        _device?.Abort();

        // A thread inside the library is let out by the end of its group, where it does not come out by itself.
        bool entered = _calling.TryEnter(s_patience);
        try
        {
            Try(() => _device?.Enter());
            foreach (CclGroup group in Distinct())
            {
                Try(group.Abort);
            }
        }
        finally
        {
            if (entered)
            {
                _calling.Exit();
            }
        }
    }

    // Each group is ended whatever became of the others; the fault that ends everything is told already.
    private static void Try(Action end)
    {
        try
        {
            end();
        }
        catch (MachineException)
        {
        }
    }

    // After a fault the device may hang in something that no abort ends; it keeps what it has until the process ends.
    private static bool IsIdle(IRankDevice device)
    {
        var waiting = new Thread(() =>
        {
            try
            {
                device.Enter();
                device.Synchronize();
            }
            catch (MachineException)
            {
                // A device that failed does nothing any more.
            }
        })
        { Name = "end of a device", IsBackground = true };
        waiting.Start();
        return waiting.Join(s_end);
    }

    private IEnumerable<CclGroup> Distinct() => _groups.OfType<CclGroup>().Distinct();
}
