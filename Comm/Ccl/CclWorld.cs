using System.Diagnostics;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Ranks with a device each, all in this process: NCCL or oneCCL moves the data. Work is queued, so a rank is rarely waited for
/// on the host: plans are compared on a board, and a device that stands still is found by the watchdog, which reads the devices'
/// counts. Graphs that hold collectives go before the world does.
/// </summary>
public sealed class CclWorld : RankWorld, ICclPeers
{
    /// <summary>How long ranks may take to open their devices and to join their groups, where nobody says.</summary>
    public static readonly TimeSpan JoinLimit = TimeSpan.FromSeconds(120);

    // How long a rank may take to come out of what its device hangs in, once that was ended.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    // How long where nothing ends it: ranks that are not inside the library come out by themselves.
    private static readonly TimeSpan s_short = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(50);

    private readonly object _lock = new();
    private readonly CclLibrary _library;
    private readonly Func<int, IRankDevice?> _open;
    private readonly TimeSpan _limit;
    private readonly CclCollectives[] _ranks;
    private readonly PlanBoard _board;
    private readonly Dictionary<string, byte[]> _ids = [];
    private int _opened;
    private bool _isStuck;

    /// <summary>Makes the ranks; their devices are opened when they run.</summary>
    /// <param name="layout">How they are laid out.</param>
    /// <param name="library">What moves the data.</param>
    /// <param name="open">Opens a rank's device, on the rank's thread; null for a library that works in host memory. The world disposes it.</param>
    /// <param name="limit">How long ranks may take to join; null for <see cref="JoinLimit"/>.</param>
    /// <param name="pause">Called by every rank before each collective: tests delay ranks with it.</param>
    /// <param name="recorderCapacity">How many collectives each rank's recorder keeps, a power of two.</param>
    public CclWorld(
        ParallelLayout layout, CclLibrary library, Func<int, IRankDevice?> open, TimeSpan? limit = null, Action<int>? pause = null, int recorderCapacity = FlightRing.DefaultCapacity)
        : base(layout, pause)
    {
        (_library, _open, _limit, _board) = (library, open, limit ?? JoinLimit, new PlanBoard(layout));
        Transport = $"{library.Name} ({library.Description})";
        _ranks = [.. Enumerable.Range(0, layout.Ranks).Select(rank => new CclCollectives(this, layout, rank, Transport, recorderCapacity))];
    }

    /// <inheritdoc/>
    public override string Transport { get; }

    /// <inheritdoc/>
    public override RankCollectives this[int rank] => _ranks[rank];

    /// <inheritdoc/>
    public override bool IsStuck => Volatile.Read(ref _isStuck);

    string? ICclPeers.Fault => Fault;

    void ICclPeers.Approach(int rank) => Pause?.Invoke(rank);

    string? ICclPeers.Compare(int rank, long step, CollectivePlan plan) => _board.Leave(rank, step, plan);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // What ranks still use that did not come back stays: the process is about to end.
        if (!_isStuck)
        {
            base.Dispose(disposing);
        }
    }

    private protected override void Entering(int rank)
    {
        CclCollectives collectives = _ranks[rank];
        if (collectives.IsOpen)
        {
            collectives.Device?.Enter();
            return;
        }

        IRankDevice? device = _open(rank);
        collectives.Take(device);
        device?.Enter();
        AwaitDevices(rank);
        collectives.Take(new CclJoining(_library, Layout, _limit).Join(rank, device, device?.Index ?? rank, Id, () => Fault));
    }

    private protected override void Faulted(string reason)
    {
        lock (_lock)
        {
            Monitor.PulseAll(_lock);
        }

        foreach (CclCollectives rank in _ranks)
        {
            rank.BeginEnd();
        }
    }

    private protected override void Await(Thread thread)
    {
        while (!thread.Join(s_look) && Fault is null)
        {
        }

        // Where nothing ends what hangs, the rank stays there until the process ends.
        if (Fault is { } fault && !thread.Join(_library.CanAbort ? s_patience : s_short))
        {
            _isStuck = true;
            throw new MachineException(fault);
        }
    }

    // Nobody joins a group before all have their devices: a rank that has none would leave the others inside the library.
    private void AwaitDevices(int rank)
    {
        var waited = Stopwatch.StartNew();
        lock (_lock)
        {
            _opened++;
            Monitor.PulseAll(_lock);
            while (_opened < Layout.Ranks)
            {
                if (Fault is { } fault)
                {
                    throw new MachineException(fault);
                }

                if (_limit - waited.Elapsed is not { Ticks: > 0 } rest)
                {
                    int[] missing = [.. _ranks.Where(static r => !r.IsOpen).Select(static r => r.Rank)];
                    throw new MachineException($"{Names.Ranks(missing)} of {Layout.Ranks} did not open a device within {_limit.TotalSeconds:0.#} s; rank {rank} waits");
                }

                Monitor.Wait(_lock, rest);
            }

            // The last one to open its device has waited for nobody.
            if (Fault is { } found)
            {
                throw new MachineException(found);
            }
        }
    }

    // Whoever comes first makes it.
    private byte[] Id(RankGroup group)
    {
        string members = string.Join(',', group.Members);
        lock (_lock)
        {
            return _ids.TryGetValue(members, out byte[]? id) ? id : _ids[members] = _library.NewId();
        }
    }
}
