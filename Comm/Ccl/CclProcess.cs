using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// A rank with a device among ranks that are other processes. Ids of groups, heads of plans and faults go over the control
/// channel; tensors go through the library alone.
/// </summary>
internal sealed class CclProcess : ICclPeers
{
    private const string Devices = "devices", Ids = "ids of groups";
    private const int MostIds = 1 << 22;

    // How long a rank may take to come out of the library, and how long it may then still take to tell why.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2), s_lastWords = TimeSpan.FromSeconds(5);

    private readonly CclLibrary _library;
    private readonly ControlChannel _control;
    private readonly int _place;
    private string? _fault;

    /// <param name="library">What moves the data.</param>
    /// <param name="layout">How ranks are laid out.</param>
    /// <param name="control">This process's end of the channel.</param>
    /// <param name="place">The rank, of its host.</param>
    public CclProcess(CclLibrary library, ParallelLayout layout, ControlChannel control, int place)
    {
        (_library, _control, _place) = (library, control, place);
        Collectives = new CclCollectives(this, layout, control.Rank, $"{library.Name} ({library.Description})", FlightRing.DefaultCapacity);
    }

    /// <summary>The rank.</summary>
    public CclCollectives Collectives { get; }

    /// <inheritdoc/>
    public string? Fault => Volatile.Read(ref _fault);

    /// <summary>Opens the rank's device and joins its groups.</summary>
    /// <param name="open">Opens the device, which the rank owns from then on; null for a library that works in host memory.</param>
    /// <param name="limit">How long the others may take.</param>
    /// <exception cref="MachineException">A rank failed, or did not come in time.</exception>
    public void Join(Func<IRankDevice?> open, TimeSpan limit)
    {
        try
        {
            IRankDevice? device = open();
            Collectives.Take(device);
            device?.Enter();
            byte[] ids = Share(device, limit);
            Collectives.Take(new CclJoining(_library, Collectives.Layout, limit).Join(_control.Rank, device, device?.Index ?? _place, group => IdOf(ids, group), () => Fault));
        }
        catch (LeanException fault)
        {
            Abort(fault.Message);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Abort(string reason)
    {
        if (Interlocked.CompareExchange(ref _fault, reason, null) is null)
        {
            _control.Alarm(reason);
            Collectives.Tell(reason);
            Collectives.BeginEnd(End);
        }
    }

    /// <inheritdoc/>
    public void Approach(int rank)
    {
    }

    /// <inheritdoc/>
    public string? Compare(int rank, long step, CollectivePlan plan)
    {
        _control.LeavePlan(step, plan);
        return null;
    }

    private void End()
    {
        if (!_library.CanAbort && !Collectives.IsOutside(s_patience))
        {
            // Nothing brings it back from there; the others are told, and the process ends.
            _control.AwaitVerdict(s_lastWords);
            Console.Error.WriteLine($"rank {Collectives.Rank} ends: {Fault}");
            Environment.Exit(1);
        }
    }

    // Rank 0 makes ids once all have their devices: who has none would leave the others inside the library.
    private byte[] Share(IRankDevice? device, TimeSpan limit)
    {
        using var timer = new Timer(_ => Abort($"rank {_control.Rank} waited {limit.TotalSeconds:0.#} s until all ranks had opened their devices"), null, limit, Timeout.InfiniteTimeSpan);
        _ = _control.Report(Devices, System.Text.Encoding.UTF8.GetBytes(device?.Name ?? "host"));
        var ids = new ByteWriter();
        if (_control.Rank == 0)
        {
            RankGroup[] groups = Groups(Collectives.Layout);
            _ = ids.Int(groups.Length);
            foreach (RankGroup group in groups)
            {
                _ = ids.Ints(group.Members.AsSpan()).Block(_library.NewId());
            }
        }

        return _control.Publish(Ids, ids.Written.ToArray());
    }

    private static RankGroup[] Groups(ParallelLayout layout) => [.. Enumerable.Range(0, layout.Ranks)
        .SelectMany(rank => Enum.GetValues<GroupKind>().Select(kind => layout.Group(kind, rank)))
        .Where(static g => g.Size > 1 && g.Place == 0).DistinctBy(static g => string.Join(',', g.Members))];

    private static byte[] IdOf(byte[] ids, RankGroup group)
    {
        var bytes = new ByteReader(ids, "rank 0's ids");
        for (int left = bytes.Int("how many", 0, MostIds); left > 0; left--)
        {
            int[] members = bytes.Ints("a group's members", MostIds);
            byte[] id = bytes.Block("a group's id", MostIds).ToArray();
            if (group.Members.AsSpan().SequenceEqual(members))
            {
                return id;
            }
        }

        throw new MachineException($"rank 0 made no id for {group}");
    }
}
