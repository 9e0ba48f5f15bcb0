using System.Diagnostics;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// A rank's flight recorder: the last collectives it submitted, always on. One thread writes, without locks and without
/// allocating; any thread may read meanwhile, also while the writer hangs.
/// <para>
/// Of collectives that are queued on a device the writer knows only when it submitted them. The device counts as it comes to
/// each, and behind it, in graphs only behind a step's last one, to save time; whoever reads the ring reads that count, so a device
/// that hangs still tells where. One is finished once the device has counted again, by the time at which the count was last seen to
/// change; how long each took is not known.
/// </para>
/// </summary>
public sealed unsafe class FlightRing
{
    /// <summary>How many collectives are kept: twenty steps of a model with two hundred.</summary>
    public const int DefaultCapacity = 4096;

    private readonly Slot[] _slots;
    private readonly int _mask;
    private readonly Lock _following = new();
    private long _submitted;
    private long _finished;
    private long _marks;
    private int* _count;
    private int _counted;
    private long _passed;
    private long _changed;

    /// <summary>Makes an empty ring.</summary>
    /// <param name="rank">Whose it is.</param>
    /// <param name="capacity">How many collectives are kept, a power of two.</param>
    public FlightRing(int rank, int capacity = DefaultCapacity)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(capacity & (capacity - 1), 0, nameof(capacity));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        (Rank, _slots, _mask) = (rank, new Slot[capacity], capacity - 1);
    }

    /// <summary>Whose it is.</summary>
    public int Rank { get; }

    /// <summary>A number that changes whenever the rank comes to a collective or leaves one.</summary>
    public long Progress => Volatile.Read(ref _submitted) + Finished();

    /// <summary>Whether a device tells what is finished.</summary>
    internal bool IsFollowing { get; private set; }

    /// <summary>How long collectives took.</summary>
    internal TimeCounts Latency { get; } = new();

    /// <summary>How long the rank waited in each until all members had come.</summary>
    internal TimeCounts Waits { get; } = new();

    /// <summary>Now, in nanoseconds of this process's monotonic clock.</summary>
    public static long Now => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    /// <summary>Notes that the rank came to a collective.</summary>
    /// <param name="step">The step.</param>
    /// <param name="seq">The collective's number within it.</param>
    /// <param name="entry">What the plan has there.</param>
    /// <param name="group">The rank's group.</param>
    /// <param name="countsEnd">Whether a device counts behind it too.</param>
    /// <returns>The ticket for <see cref="Start"/> and <see cref="Finish"/>.</returns>
    internal long Submit(long step, int seq, PlannedCollective entry, RankGroup group, bool countsEnd = true)
    {
        long ticket = _submitted;
        ref Slot slot = ref _slots[ticket & _mask];

        // Stores alone are kept in order: a full barrier would wait for all that the collective before has written.
        Volatile.Write(ref slot.Version, 0);
        Volatile.WriteBarrier();
        slot.Entry = entry;
        slot.Group = group;
        slot.Step = step;
        slot.Seq = seq;
        slot.Mark = _marks + 1;
        _marks += countsEnd ? 2 : 1;
        slot.Started = 0;
        slot.Finished = 0;
        slot.Submitted = Stopwatch.GetTimestamp();
        Volatile.Write(ref slot.Version, ticket + 1);
        Volatile.Write(ref _submitted, ticket + 1);
        return ticket;
    }

    /// <summary>Notes that all members have come.</summary>
    internal void Start(long ticket) => Volatile.Write(ref _slots[ticket & _mask].Started, Stopwatch.GetTimestamp());

    /// <summary>Notes that the rank's part is done.</summary>
    internal void Finish(long ticket)
    {
        ref Slot slot = ref _slots[ticket & _mask];
        long now = Stopwatch.GetTimestamp();
        Volatile.Write(ref slot.Finished, now);
        Latency.Add(Nanoseconds(now - slot.Submitted));
        Waits.Add(Nanoseconds((slot.Started == 0 ? now : slot.Started) - slot.Submitted));
        Volatile.Write(ref _finished, _finished + 1);
    }

    /// <summary>From now on a device's count says what is reached and what is finished.</summary>
    /// <param name="count">i32 [1] in host memory, see <see cref="IRankDevice.Counted"/>.</param>
    internal void Follow(Tensor count)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(count.Type, DType.I32, nameof(count));
        lock (_following)
        {
            _count = (int*)count.Address;
            (_counted, _changed, IsFollowing) = (Volatile.Read(ref *_count), Stopwatch.GetTimestamp(), true);
        }
    }

    /// <summary>The count's memory is about to go; what is known stays.</summary>
    internal void Unfollow()
    {
        lock (_following)
        {
            _ = Finished();
            _count = null;
        }
    }

    /// <summary>The collective that the rank is in, else the last one; null before the first.</summary>
    internal FlightRecord? Last()
    {
        long count = Volatile.Read(ref _submitted);
        return count == 0 ? null : IsFollowing && Finished() is var done && done < count && Read(done) is { } first ? first : Read(count - 1);
    }

    /// <summary>How long the rank has been in the collective that <see cref="Last"/> gave, in nanoseconds: the later of two times counts, when it was submitted and when the one before it was seen to be done.</summary>
    internal long Waited(FlightRecord last) => Now - long.Max(last.Submitted, IsFollowing ? Nanoseconds(Volatile.Read(ref _changed)) : 0);

    /// <summary>What the rank would answer when asked now.</summary>
    public RankReport Report()
    {
        var records = new List<FlightRecord>();
        long end = Volatile.Read(ref _submitted);
        for (long ticket = long.Max(0, end - _slots.Length); ticket < end; ticket++)
        {
            if (Read(ticket) is FlightRecord record)
            {
                records.Add(record);
            }
        }

        return new RankReport(Rank, RankState.Answered, Now, [.. records]);
    }

    // How many are done.
    private long Finished()
    {
        if (!IsFollowing)
        {
            return Volatile.Read(ref _finished);
        }

        lock (_following)
        {
            long passed = Passed();
            for (long end = Volatile.Read(ref _submitted); _finished < end; _finished++)
            {
                // One that the writer has gone round since is done: nothing is submitted so far ahead of a device.
                ref Slot slot = ref _slots[_finished & _mask];
                if (Volatile.Read(ref slot.Version) == _finished + 1 && slot.Mark >= passed)
                {
                    break;
                }
            }

            return _finished;
        }
    }

    // The marks that the device has passed. Its count goes round after 2³² of them.
    private long Passed()
    {
        lock (_following)
        {
            if (_count is not null && Volatile.Read(ref *_count) is var now && now != _counted)
            {
                (_passed, _counted) = (_passed + (uint)(now - _counted), now);
                Volatile.Write(ref _changed, Stopwatch.GetTimestamp());
            }

            return _passed;
        }
    }

    // Null where the writer has gone round the ring meanwhile.
    private FlightRecord? Read(long ticket)
    {
        ref Slot slot = ref _slots[ticket & _mask];
        if (Volatile.Read(ref slot.Version) != ticket + 1)
        {
            return null;
        }

        Slot copy = slot;
        Thread.MemoryBarrier();
        if (Volatile.Read(ref slot.Version) != ticket + 1 || copy.Entry is not { } entry || copy.Group is not { } group)
        {
            return null;
        }

        long reached = copy.Submitted;
        if (IsFollowing)
        {
            long passed = Passed(), seen = long.Max(copy.Submitted, Volatile.Read(ref _changed));
            (reached, copy.Finished) = (copy.Mark <= passed ? seen : 0, copy.Mark < passed ? seen : 0);
        }

        (int own, int total) = Rows(entry, group);
        return new FlightRecord(
            copy.Step, copy.Seq, entry.Kind, entry.Group, entry.Type, entry.Purpose, entry.Layer, own, total, entry.Width, entry.Digest,
            Nanoseconds(copy.Submitted), Nanoseconds(reached), Nanoseconds(copy.Started), Nanoseconds(copy.Finished));
    }

    private (int Own, int Total) Rows(PlannedCollective entry, RankGroup group)
    {
        if (entry.Kind != CollectiveKind.AllToAll)
        {
            return (entry.Rows[Rank], entry.TotalRows(group));
        }

        int own = 0, total = 0;
        foreach (int member in group.Members)
        {
            for (int place = 0; place < group.Size; place++)
            {
                int rows = entry.RowsTo(member, place, group.Size);
                total += rows;
                own += member == Rank ? rows : 0;
            }
        }

        return (own, total);
    }

    private static long Nanoseconds(long timestamp) => (long)(timestamp * (1e9 / Stopwatch.Frequency));

    // The entry and the group stand for what they hold: they never change, so a reference is enough to write.
    private struct Slot
    {
        public long Version;
        public PlannedCollective? Entry;
        public RankGroup? Group;
        public long Step;
        public int Seq;
        public long Mark;
        public long Submitted;
        public long Started;
        public long Finished;
    }
}
