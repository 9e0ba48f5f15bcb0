namespace Lean.Kernels;

/// <summary>A row of logits and what turns them into weights (see <see cref="SampleTokens"/>).</summary>
internal readonly unsafe struct TokenWeights
{
    // e^−30 is below half of the least weight there is, 2^−36, by far more than rounding can hide.
    private const float FarBelow = 30;

    public TokenWeights(float* logits, int count, float maximum, float temperature) : this(logits, count, maximum, temperature, count)
    {
    }

    /// <summary>Some tokens of a vocabulary whose largest logit is known.</summary>
    public TokenWeights(float* logits, int count, float maximum, float temperature, int vocabulary)
    {
        Logits = logits;
        (Count, Maximum) = (count, maximum);
        InverseTemperature = float.Min(1 / temperature, float.MaxValue);
        Least = float.Max(maximum - (FarBelow / InverseTemperature), float.MinValue);

        // Adding and taking away 1.5·2^(52−g) rounds to a multiple of 2^−g.
        Rounder = 1.5 * Math.ScaleB(1.0, 52 - SampleTokens.WeightBits(vocabulary));
    }

    /// <summary>Some of the row's logits, which keep their weights.</summary>
    public TokenWeights With(float* logits, int count) => this with { Logits = logits, Count = count };

    public float* Logits { get; private init; }

    public int Count { get; private init; }

    /// <summary>The largest logit, whose weight is 1.</summary>
    public float Maximum { get; }

    public float InverseTemperature { get; }

    /// <summary>Logits below it weigh nothing.</summary>
    public float Least { get; }

    public double Rounder { get; }

    /// <summary>A sum of weights in units of 2^−g: Rounder is 1.5·2^52 of them.</summary>
    public long Units(double weights) => (long)(weights * (1.5 * (1L << 52) / Rounder));

    /// <summary>What so many units weigh.</summary>
    public double Weights(long units) => units * (Rounder / (1.5 * (1L << 52)));
}
