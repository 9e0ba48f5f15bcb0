using System.Collections.Immutable;
using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>What one rank holds of a weight: some ranges of one dimension, all of the others.</summary>
/// <param name="Dimension">The divided dimension, 0 being the outermost.</param>
/// <param name="Ranges">The rank's indices in it, in the order in which its slice holds them; empty for nothing.</param>
internal readonly record struct WeightSlice(int Dimension, ImmutableArray<IndexRange> Ranges)
{
    /// <summary>How many indices of the divided dimension that is.</summary>
    public long Indices => Ranges.Sum(static r => r.Count);

    /// <summary>How many elements that is of a weight of this shape.</summary>
    public long Elements(Shape whole) => Indices == 0 ? 0 : whole.Count / whole[Dimension] * Indices;

    /// <summary>The shape of the slice.</summary>
    public Shape Of(Shape whole)
    {
        Span<long> extents = stackalloc long[whole.Rank];
        for (int d = 0; d < extents.Length; d++)
        {
            extents[d] = d == Dimension ? Indices : whole[d];
        }

        return Shape.Of(extents);
    }
}
