namespace Lean.Comm;

/// <summary>
/// Who submitted what, as ranks come: the first at a place in the order sets what the others must bring, whichever group they
/// meet in, so a rank that differs is known before anybody waits for it.
/// </summary>
internal sealed class LoopbackBoard(ParallelLayout layout)
{
    // Two steps of as many collectives: no rank can be further ahead of another.
    private const int MostCollectives = 4096;

    private readonly Lock _lock = new();
    private readonly First[] _first = new First[2 * MostCollectives];
    private readonly RankPlace[] _places = new RankPlace[layout.Ranks];

    /// <summary>A rank comes to a collective.</summary>
    /// <returns>What is wrong, or null.</returns>
    public string? Arrive(int rank, long step, int seq, PlannedCollective entry, RankGroup group)
    {
        lock (_lock)
        {
            ref RankPlace place = ref _places[rank];
            if (place.Entry is not null && place.Step != step)
            {
                (place.EndedStep, place.EndedSeq) = (place.Step, place.Seq);
            }

            (place.Step, place.Seq, place.Entry, place.IsWaiting) = (step, seq, entry, true);
            return Differs(rank, step, seq, entry) ?? Overtaken(rank, group);
        }
    }

    /// <summary>A rank has met the others.</summary>
    public void Met(int rank)
    {
        lock (_lock)
        {
            _places[rank].IsWaiting = false;
        }
    }

    /// <summary>A rank will not come again.</summary>
    /// <returns>Who waits for it, or null.</returns>
    public string? Leave(int rank)
    {
        lock (_lock)
        {
            _places[rank].HasLeft = true;
            for (int other = 0; other < _places.Length; other++)
            {
                if (Left(other, rank) is { } fault)
                {
                    return fault;
                }
            }

            return null;
        }
    }

    private string? Differs(int rank, long step, int seq, PlannedCollective entry)
    {
        ref First first = ref _first[((step & 1) * MostCollectives) + (seq % MostCollectives)];
        if (first.Entry is null || first.Step != step || first.Seq != seq)
        {
            first = new First(step, seq, rank, entry);
            return null;
        }

        return first.Entry.Digest == entry.Digest ? null
            : $"rank {rank} submitted {entry} as seq {seq} of step {step}, where rank {first.Rank} submitted {first.Entry}";
    }

    // One of two ranks waits at a place that the other one, a member of the same group, has left behind.
    private string? Overtaken(int rank, RankGroup group)
    {
        for (int other = 0; other < _places.Length; other++)
        {
            if ((Passed(rank, other) ?? Passed(other, rank)) is { } fault)
            {
                return fault;
            }
        }

        foreach (int member in group.Members)
        {
            if (Left(rank, member) is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private string? Passed(int waiting, int ahead)
    {
        ref RankPlace w = ref _places[waiting], a = ref _places[ahead];
        return w.IsWaiting && a.Entry is not null && a.Step > w.Step && a.EndedStep == w.Step && a.EndedSeq < w.Seq && layout.Group(w.Entry!.Group, waiting).Members.Contains(ahead)
            ? $"rank {ahead} never submitted seq {w.Seq} ({Use(w.Entry)}) of step {w.Step}, where rank {waiting} waits; it is at step {a.Step}, seq {a.Seq} ({Use(a.Entry)})"
            : null;
    }

    private string? Left(int waiting, int gone)
    {
        ref RankPlace w = ref _places[waiting];
        return waiting != gone && _places[gone].HasLeft && w.IsWaiting && layout.Group(w.Entry!.Group, waiting).Members.Contains(gone)
                && (_places[gone].Step, _places[gone].Seq).CompareTo((w.Step, w.Seq)) < 0
            ? $"rank {gone} ended before seq {w.Seq} ({Use(w.Entry)}) of step {w.Step}, where rank {waiting} waits"
            : null;
    }

    private static string Use(PlannedCollective entry) => Names.Use(entry.Kind, entry.Layer, entry.Purpose);

    private readonly record struct First(long Step, int Seq, int Rank, PlannedCollective Entry);

    private struct RankPlace
    {
        public long Step;
        public int Seq;
        public PlannedCollective? Entry;
        public bool IsWaiting;
        public bool HasLeft;
        public long EndedStep;
        public int EndedSeq;
    }
}
