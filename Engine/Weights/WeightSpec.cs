using System.Collections.Immutable;
using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>One tensor that a model wants, with everything the declaration says of it resolved to numbers.</summary>
/// <param name="Name">The full name in the checkpoint.</param>
/// <param name="Shape">The expected extents.</param>
/// <param name="Symbols">The shape as declared, such as "[2 * Heads * HeadDim, Hidden]", for messages.</param>
internal sealed record WeightSpec(string Name, Shape Shape, string Symbols)
{
    /// <summary>How tensor parallelism divides it.</summary>
    public TensorSplit Split { get; init; }

    /// <summary>How it divides one expert where experts are not placed whole.</summary>
    public TensorSplit ExpertSplit { get; init; }

    /// <summary>Consecutive indices of the divided dimension that never part.</summary>
    public long Unit { get; init; } = 1;

    /// <summary>Whether several ranks hold the same unit where there are more ranks than units.</summary>
    public bool SharedUnits { get; init; }

    /// <summary>The divided dimension's parts, end to end; empty for one part of <see cref="Unit"/>.</summary>
    public ImmutableArray<WeightPart> Parts { get; init; } = [];

    /// <summary>For a repeated tensor, which of the <see cref="Count"/> it is (the expert's number).</summary>
    public int Index { get; init; }

    /// <summary>For a repeated tensor, how many there are; 0 for one that stands alone.</summary>
    public int Count { get; init; }
}
