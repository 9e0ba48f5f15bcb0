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

    /// <summary>Groups of heads along the divided dimension, which ranks take whole or share; 0 where the units themselves are divided.</summary>
    public long Groups { get; init; }

    /// <summary>Whether ranks that share a group each hold its unit.</summary>
    public bool SharedUnits { get; init; }

    /// <summary>The divided dimension's parts; empty for one part of <see cref="Unit"/>.</summary>
    public ImmutableArray<WeightPart> Parts { get; init; } = [];

    /// <summary>Whether the parts lie together in each group instead of end to end.</summary>
    public bool Interleaved { get; init; }

    /// <summary>For a repeated tensor, which of the <see cref="Count"/> it is (the expert's number).</summary>
    public int Index { get; init; }

    /// <summary>For a repeated tensor, how many there are; 0 for one that stands alone.</summary>
    public int Count { get; init; }
}
