namespace Lean.Engine.Bench.Ops;

/// <summary>A peer's time, and this run's for the same work.</summary>
/// <param name="Entry">The peer's.</param>
/// <param name="Shape">The shapes of the ops here.</param>
/// <param name="Seconds">The sum of their medians.</param>
internal sealed record PeerFigure(PeerEntry Entry, string Shape, double Seconds)
{
    /// <summary>This run's time over the peer's: below 1 is faster.</summary>
    public double Ratio => Seconds / Entry.Seconds;
}
