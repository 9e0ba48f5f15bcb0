namespace Lean.Kernels.Device;

/// <summary>
/// An online softmax (Milakov and Gimelshein 2018) of a lane's two queries, of which the lower is eight below, over cells whose
/// scores a warp group's products left in the lane's sums. Four lanes share the queries: each has the weights of its own positions.
/// </summary>
public struct OnlineSoftmax
{
    /// <summary>The largest score so far.</summary>
    public float UpperLargest, LowerLargest;

    /// <summary>Σ weights of this lane's positions.</summary>
    public float UpperWeights, LowerWeights;

    /// <summary>What the cells before shrink by.</summary>
    public float UpperShrink, LowerShrink;

    private const int Cell = AttentionMath.Cell;
    private const int Scores = Cell / 2;

    /// <summary>Of no cell.</summary>
    public static OnlineSoftmax None()
    {
        OnlineSoftmax none = default;
        none.UpperLargest = AttentionMath.Unseen;
        none.LowerLargest = AttentionMath.Unseen;
        return none;
    }

    /// <summary>Weighs a cell's scores, sums 0 … 31, which become weights relative to the largest so far.</summary>
    /// <param name="before">The cells before.</param>
    /// <param name="sees">Positions of this cell that every query of the warp group sees at least.</param>
    /// <param name="upper">Those that the upper query sees, less the lane's first.</param>
    /// <param name="lower">The lower one's.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    public static OnlineSoftmax Weigh(OnlineSoftmax before, int sees, int upper, int lower, float scale)
    {
        if (sees < Cell)
        {
            for (int i = 0; i < Scores; i += 4)
            {
                for (int e = 0; e < 2; e++)
                {
                    float first = Accumulators.Get(i + e), second = Accumulators.Get(i + e + 2);
                    Accumulators.Set(i + e, (i * 2) + e < upper ? first : AttentionMath.Unseen);
                    Accumulators.Set(i + e + 2, (i * 2) + e < lower ? second : AttentionMath.Unseen);
                }
            }
        }

        float upperNow = before.UpperLargest, lowerNow = before.LowerLargest, upperOther = Accumulators.Get(1), lowerOther = Accumulators.Get(3);
        for (int i = 0; i < Scores; i += 4)
        {
            upperNow = Scalar.Larger(Accumulators.Get(i), upperNow);
            lowerNow = Scalar.Larger(Accumulators.Get(i + 2), lowerNow);
            upperOther = Scalar.Larger(Accumulators.Get(i + 1), upperOther);
            lowerOther = Scalar.Larger(Accumulators.Get(i + 3), lowerOther);
        }

        upperNow = Scalar.Larger(upperNow, upperOther);
        lowerNow = Scalar.Larger(lowerNow, lowerOther);
        upperNow = Scalar.Larger(upperNow, Lanes.Xor(upperNow, 1));
        lowerNow = Scalar.Larger(lowerNow, Lanes.Xor(lowerNow, 1));
        upperNow = Scalar.Larger(upperNow, Lanes.Xor(upperNow, 2));
        lowerNow = Scalar.Larger(lowerNow, Lanes.Xor(lowerNow, 2));
        OnlineSoftmax now = before;
        now.UpperLargest = upperNow;
        now.LowerLargest = lowerNow;
        now.UpperShrink = Scalar.Exp2((before.UpperLargest - upperNow) * scale);
        now.LowerShrink = Scalar.Exp2((before.LowerLargest - lowerNow) * scale);

        // 2^((score − largest) · scale), with one rounding.
        float upperShift = -Scalar.Multiply(upperNow, scale), lowerShift = -Scalar.Multiply(lowerNow, scale), upperSum = 0, lowerSum = 0;
        for (int i = 0; i < Scores; i += 4)
        {
            for (int e = 0; e < 2; e++)
            {
                Accumulators.Set(i + e, Scalar.Exp2Normal(Scalar.Fma(Accumulators.Get(i + e), scale, upperShift)));
                Accumulators.Set(i + e + 2, Scalar.Exp2Normal(Scalar.Fma(Accumulators.Get(i + e + 2), scale, lowerShift)));
                upperSum += Accumulators.Get(i + e);
                lowerSum += Accumulators.Get(i + e + 2);
            }
        }

        now.UpperWeights = Scalar.Fma(before.UpperWeights, now.UpperShrink, upperSum);
        now.LowerWeights = Scalar.Fma(before.LowerWeights, now.LowerShrink, lowerSum);
        return now;
    }

    /// <summary>Makes left sides of the weights, which lie where the scores were: a lane's are those of its rows as they are.</summary>
    public static void Give<TTerms>()
        where TTerms : struct, IActivationTerms
    {
        for (int i = 0; i < Scores; i += 2)
        {
            float first = Accumulators.Get(i), second = Accumulators.Get(i + 1);
            uint term = BF16.Pack(first, second);
            LeftSides.Set(i / 2, term);
            if (TTerms.Count == 2)
            {
                // Behind all first terms.
                LeftSides.Set((Scores / 2) + (i / 2), BF16.Pack(first - BF16.Low(term), second - BF16.High(term)));
            }
        }
    }
}
