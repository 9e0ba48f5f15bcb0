using System.Collections.Immutable;
using Lean.Comm;

namespace Lean.Engine.Scoring;

/// <summary>What a rank held and did.</summary>
/// <param name="WeightBytes">Bytes of weights.</param>
/// <param name="CopiedBytes">How many of those are copies, since the slice does not lie together in the file.</param>
/// <param name="LoadTime">How long loading took.</param>
/// <param name="Device">What its ops ran on.</param>
/// <param name="Collectives">Collectives by <see cref="CollectiveKind"/>.</param>
internal sealed record RankUse(long WeightBytes, long CopiedBytes, TimeSpan LoadTime, string Device, ImmutableArray<int> Collectives);
