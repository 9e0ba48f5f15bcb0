using System.Collections.Immutable;
using Lean.Comm;
using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>Divides weights between ranks as their declarations say.</summary>
internal static class WeightSlicer
{
    /// <summary>What a rank holds of a weight.</summary>
    /// <param name="spec">The weight.</param>
    /// <param name="layout">The layout.</param>
    /// <param name="rank">The rank, of the world.</param>
    /// <exception cref="InputException">The weight cannot be divided between that many ranks.</exception>
    public static WeightSlice Slice(WeightSpec spec, ParallelLayout layout, int rank)
    {
        bool isExperts = spec.Split == TensorSplit.Experts, isStacked = isExperts && spec.Count == 0;
        if (isExperts && layout.Expert)
        {
            return isStacked
                ? new WeightSlice(0, [Share.Of(spec.Shape[0], rank, layout.Ranks)])
                : Place(spec, Share.Of(spec.Count, rank, layout.Ranks));
        }

        int first = isStacked ? 1 : 0, place = layout.TensorRank(rank);
        return (isExperts ? spec.ExpertSplit : spec.Split) switch
        {
            TensorSplit.Rows => Divide(spec, first, place, layout.Tensor),
            TensorSplit.Columns => Divide(spec, spec.Shape.Rank - 1, place, layout.Tensor),
            _ => new WeightSlice(0, [new IndexRange(0, spec.Shape[0])]),
        };
    }

    // One expert's own tensor: whole on the rank that has the expert, nothing on the others.
    private static WeightSlice Place(WeightSpec spec, IndexRange own) =>
        new(0, spec.Index >= own.Start && spec.Index < own.Start + own.Count ? [new IndexRange(0, spec.Shape[0])] : []);

    private static WeightSlice Divide(WeightSpec spec, int dimension, int place, int ranks)
    {
        ImmutableArray<WeightPart> parts = spec.Parts is { IsEmpty: false } declared
            ? declared
            : [new WeightPart(spec.Shape[dimension], spec.Unit, spec.SharedUnits)];
        Check(spec, dimension, parts);
        var ranges = new List<IndexRange>();
        string what = $"{spec.Name} {spec.Symbols} = {spec.Shape}";
        if (spec.Groups == 0)
        {
            long start = 0;
            foreach (WeightPart part in parts)
            {
                IndexRange units = Share.OfEach(part.Extent / part.Unit, place, ranks, what);
                Add(ranges, start + (units.Start * part.Unit), units.Count * part.Unit);
                start += part.Extent;
            }
        }
        else
        {
            AddGroups(ranges, spec, parts, HeadShare.Of(spec.Groups, place, ranks, what), what);
        }

        return new WeightSlice(dimension, [.. ranges]);
    }

    // Part by part through the rank's groups, or group by group through the parts where those are interleaved.
    private static void AddGroups(List<IndexRange> ranges, WeightSpec spec, ImmutableArray<WeightPart> parts, HeadShare share, string what)
    {
        long whole = parts.Sum(static p => p.Extent) / spec.Groups, outer = spec.Interleaved ? share.Groups.Count : 1, inner = spec.Interleaved ? 1 : share.Groups.Count;
        for (long group = 0; group < outer; group++)
        {
            long start = spec.Interleaved ? (share.Groups.Start + group) * whole : 0;
            foreach (WeightPart part in parts)
            {
                long own = part.Extent / spec.Groups, first = spec.Interleaved ? 0 : share.Groups.Start * own;
                IndexRange units = part.Shared ? new IndexRange(0, own / part.Unit) : share.Heads(own / part.Unit, what);
                Add(ranges, start + first + (units.Start * part.Unit), units.Count * part.Unit * inner);
                start += spec.Interleaved ? own : part.Extent;
            }
        }
    }

    private static void Add(List<IndexRange> ranges, long start, long count)
    {
        if (ranges.Count > 0 && ranges[^1].Start + ranges[^1].Count == start)
        {
            ranges[^1] = ranges[^1] with { Count = ranges[^1].Count + count };
        }
        else
        {
            ranges.Add(new IndexRange(start, count));
        }
    }

    // A declaration that the configuration contradicts is a fault of the program: the generator cannot check quotients.
    private static void Check(WeightSpec spec, int dimension, ImmutableArray<WeightPart> parts)
    {
        long sum = parts.Sum(static p => p.Extent);
        WeightPart broken = parts.FirstOrDefault(p => p.Extent % (p.Unit * long.Max(spec.Groups, 1)) != 0);
        if (sum != spec.Shape[dimension] || broken.Unit != 0)
        {
            throw new InvalidOperationException(sum != spec.Shape[dimension]
                ? $"{spec.Name}: parts of {sum} indices divide a dimension of {spec.Shape[dimension]}"
                : $"{spec.Name}: {broken.Extent} indices are not whole units of {broken.Unit} in {spec.Groups} groups");
        }
    }
}
