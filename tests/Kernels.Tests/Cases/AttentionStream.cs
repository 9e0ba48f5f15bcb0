namespace Lean.Kernels.Tests;

/// <summary>All positions of one sequence as attention sees them; any run of rows of it can be a call's segment.</summary>
public sealed class AttentionStream
{
    /// <summary>Makes the sequence that the seed decides.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="shape">The heads.</param>
    /// <param name="length">Positions.</param>
    /// <param name="sharpness">Scale of the queries; a large one makes scores far apart.</param>
    public AttentionStream(int seed, AttentionShape shape, int length, double sharpness = 1)
    {
        (Length, Queries) = (length, Numbers.Normal(seed, length * shape.Heads * shape.HeadDim, sharpness));
        Projected = Numbers.Normal(seed + 1000, length * shape.ProjectedWidth);
        Keys = Numbers.Normal(seed + 2000, length * shape.KvHeads * shape.HeadDim);
        Values = Numbers.Normal(seed + 3000, length * shape.KvHeads * shape.HeadDim);
    }

    /// <summary>Positions.</summary>
    public int Length { get; }

    /// <summary>[length, Heads·D].</summary>
    public float[] Queries { get; }

    /// <summary>[length, P].</summary>
    public float[] Projected { get; }

    /// <summary>[length, KvHeads·D].</summary>
    public float[] Keys { get; }

    /// <summary>[length, KvHeads·D].</summary>
    public float[] Values { get; }
}
