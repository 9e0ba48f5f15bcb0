using System.Collections.Immutable;
using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>Divides weights between ranks as their declarations say.</summary>
internal static class WeightSlicer
{
    /// <summary>What rank <paramref name="rank"/> of <paramref name="ranks"/> holds of a weight.</summary>
    /// <param name="spec">The weight.</param>
    /// <param name="rank">The rank, from 0.</param>
    /// <param name="ranks">The ranks of the tensor-parallel group.</param>
    /// <param name="expertParallel">Whether routed experts are placed whole, rather than each divided.</param>
    /// <exception cref="InputException">The weight's units cannot be divided evenly.</exception>
    public static WeightSlice Slice(WeightSpec spec, int rank, int ranks, bool expertParallel)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ranks);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, ranks);
        bool isExperts = spec.Split == TensorSplit.Experts;
        bool isStacked = isExperts && spec.Count == 0;
        if (isExperts && expertParallel)
        {
            return isStacked ? Divide(spec, 0, rank, ranks) : Place(spec, rank, ranks);
        }

        int first = isStacked ? 1 : 0;
        return (isExperts ? spec.ExpertSplit : spec.Split) switch
        {
            TensorSplit.Rows => Divide(spec, first, rank, ranks),
            TensorSplit.Columns => Divide(spec, spec.Shape.Rank - 1, rank, ranks),
            _ => new WeightSlice(0, [new IndexRange(0, spec.Shape[0])], ranks),
        };
    }

    // One expert's own tensor: whole on the rank that has the expert, nothing on the others.
    private static WeightSlice Place(WeightSpec spec, int rank, int ranks)
    {
        long own = PerRank(spec, spec.Count, ranks);
        ImmutableArray<IndexRange> ranges = spec.Index / own == rank ? [new IndexRange(0, spec.Shape[0])] : [];
        return new WeightSlice(0, ranges, 1);
    }

    private static WeightSlice Divide(WeightSpec spec, int dimension, int rank, int ranks)
    {
        bool isExpertAxis = spec.Split == TensorSplit.Experts && spec.Count == 0 && dimension == 0;
        ImmutableArray<WeightPart> parts = spec.Parts is { IsEmpty: false } declared && !isExpertAxis
            ? declared
            : [new WeightPart(spec.Shape[dimension], isExpertAxis ? 1 : spec.Unit)];
        if (parts.Sum(p => p.Extent) != spec.Shape[dimension])
        {
            throw new InvalidOperationException($"{spec.Name}: parts of {parts.Sum(p => p.Extent)} indices divide a dimension of {spec.Shape[dimension]}");
        }

        var ranges = ImmutableArray.CreateBuilder<IndexRange>(parts.Length);
        int holders = 1;
        long start = 0;
        foreach (WeightPart part in parts)
        {
            long units = part.Extent % part.Unit == 0
                ? part.Extent / part.Unit
                : throw new InvalidOperationException($"{spec.Name}: {part.Extent} indices are not whole units of {part.Unit}");
            long sharers = spec.SharedUnits && units < ranks && ranks % units == 0 ? ranks / units : 1;
            long own = PerRank(spec, units * sharers, ranks) * part.Unit;
            ranges.Add(new IndexRange(start + (rank / sharers * own), own));
            holders = (int)sharers;
            start += part.Extent;
        }

        return new WeightSlice(dimension, ranges.MoveToImmutable(), holders);
    }

    private static long PerRank(WeightSpec spec, long units, int ranks) => units % ranks == 0
        ? units / ranks
        : throw new InputException($"{spec.Name} {spec.Symbols} = {spec.Shape} cannot be divided between {ranks} ranks: it has {units} units (heads, experts or rows) that stay whole");
}
