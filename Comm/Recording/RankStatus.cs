namespace Lean.Comm;

/// <summary>What is known of a rank now.</summary>
/// <param name="Rank">The rank.</param>
/// <param name="State">Whether it lives.</param>
/// <param name="Last">The last collective that it came to; null before the first.</param>
/// <param name="Since">Seconds since it came to that, or since it finished it.</param>
/// <param name="Latency">How long its collectives took, from coming to them to having finished them.</param>
/// <param name="Waits">How long it waited in each until all members had come.</param>
public sealed record RankStatus(int Rank, RankState State, FlightRecord? Last, double Since, CollectiveTimes Latency, CollectiveTimes Waits)
{
    /// <summary>Whether it is in a collective that it has not finished.</summary>
    public bool IsInCollective => Last is { Finished: 0 };

    /// <summary>
    /// How late it comes, in seconds, in the mean of its collectives: what the rank that waits longest waits more than this
    /// one does. The rank for which all others wait has the largest.
    /// </summary>
    /// <param name="ranks">All ranks.</param>
    public double Skew(IReadOnlyCollection<RankStatus> ranks) => double.Max(0, ranks.Max(static r => r.Waits.MeanSeconds) - Waits.MeanSeconds);

    /// <summary>What a rank's ring shows now.</summary>
    internal static RankStatus Of(FlightRing ring, RankState state) => new(
        ring.Rank, state, ring.Last(), ring.Last() is { } last ? SinceOf(last, FlightRing.Now) : 0, ring.Latency.Read(), ring.Waits.Read());

    /// <summary>Seconds since a rank came to a collective, or finished it.</summary>
    /// <param name="last">The collective.</param>
    /// <param name="now">The rank's clock.</param>
    internal static double SinceOf(FlightRecord last, long now) => (now - (last.Finished == 0 ? last.Waits : last.Finished)) * 1e-9;
}
