namespace Lean.Kernels;

/// <summary>The walk in the order of ids that ends in a token (see <see cref="SampleTokens"/>).</summary>
internal static unsafe class TokenWalk<V> where V : struct, IVec<V>
{
    // It first finds the stretch that holds the token; sums are exact, so stretches change nothing.
    private const int Stretches = 256;

    /// <summary>The first token at which the running sum of what is kept exceeds <paramref name="u"/> times its sum.</summary>
    public static int Draw(in TokenWeights row, TokenCut cut, float minP, double u)
    {
        double* sums = stackalloc double[Stretches];
        double total = Sums(row, cut, minP, sums);

        // u < 1, so the target lies below the total, and the walk ends at a token that weighs something.
        return Find(row, cut, minP, sums, u * total);
    }

    /// <summary>The first token at which the running sum of what is kept exceeds a target below its sum.</summary>
    public static int To(in TokenWeights row, TokenCut cut, float minP, double target)
    {
        double* sums = stackalloc double[Stretches];
        _ = Sums(row, cut, minP, sums);
        return Find(row, cut, minP, sums, target);
    }

    private static int Stretch(int count) => (count + (Stretches * TokenSearch<V>.Block) - 1) / (Stretches * TokenSearch<V>.Block) * TokenSearch<V>.Block;

    private static double Sums(in TokenWeights row, TokenCut cut, float minP, double* sums)
    {
        int stretch = Stretch(row.Count), stretches = (row.Count + stretch - 1) / stretch;
        double total = 0;
        for (int i = 0; i < stretches; i++)
        {
            total += sums[i] = TokenSearch<V>.Kept(row, cut, minP, i * stretch, int.Min((i + 1) * stretch, row.Count));
        }

        return total;
    }

    private static int Find(in TokenWeights row, TokenCut cut, float minP, double* sums, double target)
    {
        double before = 0;
        int at = 0;
        while (before + sums[at] <= target)
        {
            before += sums[at++];
        }

        int first = at * Stretch(row.Count);
        while (true)
        {
            double next = TokenSearch<V>.Kept(row, cut, minP, first, int.Min(first + TokenSearch<V>.Block, row.Count));
            if (before + next > target)
            {
                break;
            }

            before += next;
            first += TokenSearch<V>.Block;
        }

        while ((before += TokenSearch<V>.Kept(row, cut, minP, first, first + 1)) <= target)
        {
            first++;
        }

        return first;
    }
}
