using System.Collections.Immutable;

namespace Lean.Engine.Weights;

/// <summary>How many bytes of weights each rank holds.</summary>
/// <param name="Model">The bytes of the whole model, each tensor once.</param>
/// <param name="Ranks">The bytes of each rank; together <paramref name="Model"/> and the replicas.</param>
/// <param name="Replicas">The bytes that further copies of a tensor take, all ranks together, for tensors that have any.</param>
internal sealed record PlacementTotals(
    long Model, ImmutableArray<long> Ranks, ImmutableArray<(string Name, long Bytes)> Replicas);
