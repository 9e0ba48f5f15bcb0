using System.Collections.Immutable;

namespace Lean.Comm;

/// <summary>One rank's part of a dump.</summary>
/// <param name="Rank">The rank.</param>
/// <param name="State">Whether it answered.</param>
/// <param name="Now">
/// Nanoseconds on the clock of <paramref name="Records"/> when they were read; of a rank that did not answer, nanoseconds
/// since it was last heard.
/// </param>
/// <param name="Records">Its last collectives, oldest first; of a rank that did not answer, at most the last it was known to be in.</param>
public sealed record RankReport(int Rank, RankState State, long Now, ImmutableArray<FlightRecord> Records);
