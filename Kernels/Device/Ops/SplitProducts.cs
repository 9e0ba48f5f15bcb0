namespace Lean.Kernels.Device;

/// <summary>
/// Products of numbers in two bf16 terms each, 16 bits: first·first, second·first and first·second; what is left out is
/// below 2^-16 of the product.
/// </summary>
public static class SplitProducts
{
    /// <summary>acc[first + 4·i … + 3] += a · b_i for right sides begin … count − 1 of a row of tiles, 16 of k.</summary>
    /// <param name="first">A constant.</param>
    /// <param name="begin">The first right side that counts, a constant.</param>
    /// <param name="count">The one behind the last, a constant.</param>
    /// <param name="high">The left side's first term.</param>
    /// <param name="low">Its second.</param>
    /// <param name="right">Both terms of each: two registers of the first, two of the second.</param>
    public static void Add(int first, int begin, int count, U4 high, U4 low, U4[] right)
    {
        // Products that wait for each other stand apart.
        for (int i = 0; i < count; i++)
        {
            if (i >= begin)
            {
                WarpMatrix.Multiply(first + (i * 4), high, right[i].X, right[i].Y);
            }
        }

        for (int i = 0; i < count; i++)
        {
            if (i >= begin)
            {
                WarpMatrix.Multiply(first + (i * 4), low, right[i].X, right[i].Y);
            }
        }

        for (int i = 0; i < count; i++)
        {
            if (i >= begin)
            {
                WarpMatrix.Multiply(first + (i * 4), high, right[i].Z, right[i].W);
            }
        }
    }

    /// <summary>The first term of sums first … + 7, two tiles of 16 × 8 side by side, as a product's left side.</summary>
    public static U4 High(int first)
    {
        var term = default(U4);
        term.X = BF16.Pack(Accumulators.Get(first), Accumulators.Get(first + 1));
        term.Y = BF16.Pack(Accumulators.Get(first + 2), Accumulators.Get(first + 3));
        term.Z = BF16.Pack(Accumulators.Get(first + 4), Accumulators.Get(first + 5));
        term.W = BF16.Pack(Accumulators.Get(first + 6), Accumulators.Get(first + 7));
        return term;
    }

    /// <summary>Their second term.</summary>
    public static U4 Low(int first, U4 high)
    {
        var term = default(U4);
        term.X = Rest(Accumulators.Get(first), Accumulators.Get(first + 1), high.X);
        term.Y = Rest(Accumulators.Get(first + 2), Accumulators.Get(first + 3), high.Y);
        term.Z = Rest(Accumulators.Get(first + 4), Accumulators.Get(first + 5), high.Z);
        term.W = Rest(Accumulators.Get(first + 6), Accumulators.Get(first + 7), high.W);
        return term;
    }

    /// <summary>The second term of two numbers, from their first.</summary>
    public static uint Rest(float a, float b, uint high) => BF16.Pack(a - BF16.Low(high), b - BF16.High(high));

    /// <summary>Both terms of two pairs, as a right side.</summary>
    public static U4 Pairs(float a0, float a1, float b0, float b1)
    {
        var terms = default(U4);
        terms.X = BF16.Pack(a0, a1);
        terms.Y = BF16.Pack(b0, b1);
        terms.Z = Rest(a0, a1, terms.X);
        terms.W = Rest(b0, b1, terms.Y);
        return terms;
    }
}
