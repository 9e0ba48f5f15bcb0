using System.Collections.Immutable;
using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>What one rank holds of a weight: some ranges of one dimension, all of the others.</summary>
/// <param name="Dimension">The divided dimension, 0 being the outermost.</param>
/// <param name="Ranges">The rank's indices in it, in the order in which its slice holds them; empty for nothing.</param>
/// <param name="Holders">How many ranks hold the same slice.</param>
internal readonly record struct WeightSlice(int Dimension, ImmutableArray<IndexRange> Ranges, int Holders)
{
    /// <summary>How many elements that is of a weight of this shape.</summary>
    public long Elements(Shape whole)
    {
        long indices = Ranges.Sum(r => r.Count);
        return indices == 0 ? 0 : whole.Count / whole[Dimension] * indices;
    }
}
