using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// What the kernels of paged_attention share, so that all of them give a row the same bits. The order of one row and
/// head: scores are sums over d in ascending order. Blocks of 64 positions follow each other within a span of 256
/// positions with an online softmax; a block's weights are summed in four runs of 16. Spans, which begin at multiples of
/// 256, are joined in their order. Positions that a row does not see take no part at all.
/// </summary>
public static class AttentionMath
{
    /// <summary>Positions of a block of the cache.</summary>
    public const int Cell = 64;

    /// <summary>Blocks of a span.</summary>
    public const int SpanCells = 4;

    /// <summary>Positions of a span.</summary>
    public const int Span = Cell * SpanCells;

    /// <summary>Positions whose weights are summed one after the other.</summary>
    public const int Quarter = Cell / 4;

    /// <summary>The score of a position that a row does not see, and the largest of none.</summary>
    public const float Unseen = -3.0e38f;

    private const float Log2E = 1.44269504088896341f;

    /// <summary>What scores are multiplied by: powers of two are taken of them, not of e.</summary>
    public static float Scale(int dim) => Log2E * Scalar.Rsqrt(dim);

    /// <summary>The larger score; NaN counts as unseen here and shows in the weights.</summary>
    public static float Larger(float a, float b) => a > b ? a : b;

    /// <summary>The largest of a quarter's scores, of which the first <paramref name="count"/> may be seen.</summary>
    public static float Largest(ArrayView<float> scores, int first, int count)
    {
        float best = Unseen;
        for (int i = 0; i < count; i++)
        {
            best = Larger(scores[first + i], best);
        }

        return best;
    }

    /// <summary>Σ of a quarter's weights, one after the other.</summary>
    public static float Sum(ArrayView<float> weights, int first, int count)
    {
        float sum = 0;
        for (int i = 0; i < count; i++)
        {
            sum += weights[first + i];
        }

        return sum;
    }

    /// <summary>The largest of a block's four quarters.</summary>
    public static float LargestOfQuarters(ArrayView<float> quarters, int first) =>
        Larger(Larger(quarters[first], quarters[first + 1]), Larger(quarters[first + 2], quarters[first + 3]));

    /// <summary>Σ of a block's four quarters.</summary>
    public static float SumOfQuarters(ArrayView<float> quarters, int first) =>
        quarters[first] + quarters[first + 1] + (quarters[first + 2] + quarters[first + 3]);

    /// <summary>What weights relative to <paramref name="from"/> become relative to <paramref name="to"/>.</summary>
    public static float Shrink(float from, float to) => Scalar.Exp2(from - to);

    /// <summary>One number of two spans together: what was joined before, and the next span's.</summary>
    public static float Join(float before, float shrinkBefore, float next, float shrinkNext) =>
        Scalar.Fma(before, shrinkBefore, Scalar.Multiply(next, shrinkNext));

    /// <summary>The output, rounded: Σ weights · v, divided by Σ weights, times sigmoid(gate).</summary>
    public static float Finish(float mixed, float sum, float gate) => Scalar.Multiply(mixed * (1 / sum), Scalar.Sigmoid(gate));
}
