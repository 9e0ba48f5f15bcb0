using System.Diagnostics;

namespace Lean.Comm;

/// <summary>
/// A rank's flight recorder: the last collectives it submitted, always on. One thread writes, without locks and without
/// allocating; any thread may read meanwhile, also while the writer hangs.
/// </summary>
public sealed class FlightRing
{
    /// <summary>How many collectives are kept: twenty steps of a model with two hundred.</summary>
    public const int DefaultCapacity = 4096;

    private readonly Slot[] _slots;
    private readonly int _mask;
    private long _submitted;
    private long _finished;

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
    public long Progress => Volatile.Read(ref _submitted) + Volatile.Read(ref _finished);

    /// <summary>How long collectives took.</summary>
    internal TimeCounts Latency { get; } = new();

    /// <summary>How long the rank waited in each until all members had come.</summary>
    internal TimeCounts Waits { get; } = new();

    /// <summary>Now, in nanoseconds of this process's monotonic clock.</summary>
    public static long Now => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    /// <summary>Notes that the rank came to a collective.</summary>
    /// <returns>The ticket for <see cref="Start"/> and <see cref="Finish"/>.</returns>
    internal long Submit(long step, int seq, PlannedCollective entry, RankGroup group)
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

    /// <summary>The last collective submitted; null before the first.</summary>
    internal FlightRecord? Last() => Volatile.Read(ref _submitted) is > 0 and long count ? Read(count - 1) : null;

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

        (int own, int total) = Rows(entry, group);
        return new FlightRecord(
            copy.Step, copy.Seq, entry.Kind, entry.Group, entry.Type, entry.Purpose, entry.Layer, own, total, entry.Width, entry.Digest,
            Nanoseconds(copy.Submitted), Nanoseconds(copy.Started), Nanoseconds(copy.Finished));
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
        public long Submitted;
        public long Started;
        public long Finished;
    }
}
