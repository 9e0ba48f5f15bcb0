namespace Lean.Kernels.Tests;

/// <summary>Numbers to fill tensors with; the seed alone decides them.</summary>
public static class Numbers
{
    /// <summary>Row counts up to two vectors of cells, with every awkward neighbour.</summary>
    public static readonly int[] Rows = [1, 2, 3, 5, 7, 8, 13, 16, 31, 33, 63, 64, 65, 100, 127, 128, 130];

    /// <summary>Widths around every vector length.</summary>
    public static readonly int[] Widths = [1, 3, 5, 15, 16, 17, 31, 33, 63, 64, 100, 129, 256];

    /// <summary>Normally distributed numbers, the caller's own.</summary>
    public static float[] Normal(int seed, long count, double scale = 1, double mean = 0) => NormalNumbers.Of(seed, count, scale, mean);

    /// <summary>The numbers 0 … <paramref name="count"/> − 1 in an order that the seed decides.</summary>
    public static int[] Shuffled(int seed, int count)
    {
        int[] values = [.. Enumerable.Range(0, count)];
        new Random(seed).Shuffle(values);
        return values;
    }

    /// <summary>The chosen rows of a matrix, one behind the other.</summary>
    public static float[] Pick(float[] matrix, int width, ReadOnlySpan<int> rows)
    {
        var picked = new float[rows.Length * width];
        for (int r = 0; r < rows.Length; r++)
        {
            matrix.AsSpan(rows[r] * width, width).CopyTo(picked.AsSpan(r * width));
        }

        return picked;
    }
}
