using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// A rank by NCCL or oneCCL. With a device everything is queued on its stream in the order of the calls, and can be captured; once
/// warm nothing is allocated. Without one, tensors lie in host memory, and calls return when all is done.
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
    public override bool IsQueued => _device is not null;

    /// <inheritdoc/>
    public override IRankMemory? Memory => _device;

    /// <inheritdoc/>
    public override bool CanCapture => _device is not null;

    /// <summary>The rank's device; null where tensors lie in host memory, and before the rank's thread has opened it.</summary>
    public IRankDevice? Device => _device;

    /// <summary>Whether it has its memory.</summary>
    internal bool IsOpen => _memory is not null;

    private protected override string? Fault => _peers.Fault;

    private protected override bool IsCapturing => _device?.IsCapturing == true;

    /// <inheritdoc/>
    public override void Abort(string reason) => _peers.Abort(reason);

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        if (_device is null)
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

    /// <summary>Takes the device, and goes on to own it; null for host memory.</summary>
    internal void Take(IRankDevice? device)
    {
        _device = device;
        if (device is not null)
        {
            Recorder.Follow(device.Counted);
        }

        _moves = new CclMoves(_memory = device is null ? new CclHostMemory() : new CclDeviceMemory(device));
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
        if (disposing && _memory is not null)
        {
            _device?.Enter();
            Recorder.Unfollow();
            if (_ending?.Join(s_end) is not false && (_device is null || IsIdle(_device)))
            {
                // Groups and memory go when nothing of theirs is under way.
                foreach (CclGroup group in Distinct())
                {
                    group.Dispose();
                }

                _memory.Dispose();
                _device?.Dispose();
            }

            (_device, _memory) = (null, null);
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
        _device?.Enter();
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
        lock (_calling)
        {
            ThrowIfFaulted();
            try
            {
                Carry(entry, group, source, target);
            }
            catch (MachineException fault)
            {
                throw Fail($"rank {Rank}: {fault.Message}");
            }
        }
    }

    /// <inheritdoc/>
    public override void EndOwn() => CountEnd();

    private void Carry(PlannedCollective entry, RankGroup group, Tensor source, Tensor target)
    {
        CclGroup? members = _groups[(int)entry.Group];
        if (_device is null)
        {
            // The library lets a rank out when all have come and all is done.
            _moves!.Run(entry, group, members, SentRows, ReceivedRows, source, target);
            Started();
            return;
        }

        if (entry is not { Kind: CollectiveKind.AllReduce, Type: DType.F32 } || members is null || source.Shape.Count == 0
            || !_device.TryExchange(entry.Group, source.Reshape(new Shape(entry.Rows[Rank], entry.Width))))
        {
            _device.Count();
            _moves!.Run(entry, group, members, SentRows, ReceivedRows, source, target);
        }

        CountEnd();
    }

    // In a graph the next one's count, which comes without the host, says that this one is done; behind a step's last one there is none.
    private void CountEnd()
    {
        if (IsLast || !IsCapturing)
        {
            _device?.Count();
        }
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
