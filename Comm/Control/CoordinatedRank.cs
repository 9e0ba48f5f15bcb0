namespace Lean.Comm;

/// <summary>What rank 0 knows of another rank that it has taken in. Changed and read under the lock of <see cref="Rendezvous"/>.</summary>
/// <param name="rank">The rank.</param>
/// <param name="link">Its connection.</param>
internal sealed class CoordinatedRank(int rank, ControlLink link)
{
    private FlightRecord? _last;
    private double _since;
    private CollectiveTimes _latency = CollectiveTimes.None;
    private CollectiveTimes _waits = CollectiveTimes.None;
    private long _heardBefore;
    private int _silentLooks;
    private bool _beats;

    /// <summary>The rank.</summary>
    public int Rank => rank;

    /// <summary>Its connection.</summary>
    public ControlLink Link => link;

    /// <summary>When it was last heard.</summary>
    public long Heard { get; set; } = FlightRing.Now;

    /// <summary>Its ring, once it was collected.</summary>
    public RankReport? Ring { get; set; }

    /// <summary>What it has reported and nobody has taken yet.</summary>
    public Queue<(string Name, byte[] Bytes)> Reports { get; } = new();

    /// <summary>Whether its connection has ended.</summary>
    public bool IsGone { get; set; }

    /// <summary>Notes a sign of life.</summary>
    public void Beat(RankReport report, CollectiveTimes latency, CollectiveTimes waits)
    {
        _beats = true;
        _last = report.Records is [FlightRecord last, ..] ? last : null;
        _since = _last is { } at ? RankStatus.SinceOf(at, report.Now) : 0;
        (_latency, _waits) = (latency, waits);
    }

    /// <summary>Notes what it has reported. It does so once its signs of life have begun, so that from then on silence tells.</summary>
    public void Reported(string name, byte[] content)
    {
        _beats = true;
        Reports.Enqueue((name, content));
    }

    /// <summary>
    /// Looks whether it was heard since the last look. Looks are counted instead of time, so that a host that stood still
    /// itself, or is busy, does not take what it has not read for silence.
    /// </summary>
    /// <returns>How many looks found nothing since it was heard last; 0 before its first sign of life or report.</returns>
    public int Look()
    {
        _silentLooks = _beats && !IsGone && Heard == _heardBefore ? _silentLooks + 1 : 0;
        _heardBefore = Heard;
        return _silentLooks;
    }

    /// <summary>Its part of a dump.</summary>
    public RankReport Report() => Ring ?? new RankReport(
        rank, IsGone ? RankState.Gone : RankState.Silent, FlightRing.Now - Heard, _last is { } last ? [last] : []);

    /// <summary>What it does.</summary>
    /// <param name="limit">After how long without a sign of life it is silent.</param>
    public RankStatus Status(TimeSpan limit)
    {
        long silent = FlightRing.Now - Heard;
        RankState state = IsGone ? RankState.Gone : silent > limit.TotalNanoseconds ? RankState.Silent : RankState.Answered;
        return new RankStatus(rank, state, _last, _since + (silent * 1e-9), _latency, _waits);
    }
}
