namespace Lean.Kernels.Tests;

/// <summary>All positions of one sequence as the delta rule sees them; any run of rows of it can be a call's segment.</summary>
public sealed class DeltaRuleStream
{
    /// <summary>Makes the sequence that the seed decides.</summary>
    public DeltaRuleStream(int seed, DeltaRuleShape shape, int length)
    {
        Convolved = Numbers.Normal(seed, length * shape.Channels);
        B = Numbers.Normal(seed + 1000, length * shape.ValueHeads, 2);
        A = Numbers.Normal(seed + 2000, length * shape.ValueHeads, 2);
    }

    /// <summary>[length, C].</summary>
    public float[] Convolved { get; }

    /// <summary>[length, ValueHeads].</summary>
    public float[] B { get; }

    /// <summary>[length, ValueHeads].</summary>
    public float[] A { get; }
}
