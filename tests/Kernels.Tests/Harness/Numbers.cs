namespace Lean.Kernels.Tests;

/// <summary>Numbers to fill tensors with; the seed alone decides them.</summary>
public static class Numbers
{
    /// <summary>Row counts up to two vectors of cells, with every awkward neighbour.</summary>
    public static readonly int[] Rows = [1, 2, 3, 5, 7, 8, 13, 16, 31, 33, 63, 64, 65, 100, 127, 128, 130];

    /// <summary>Widths around every vector length.</summary>
    public static readonly int[] Widths = [1, 3, 5, 15, 16, 17, 31, 33, 63, 64, 100, 129, 256];

    // 64 MB.
    private const long Most = 16L << 20;

    private static readonly Dictionary<(int Seed, double Scale, double Mean), (Random Random, float[] Values)> s_drawn = [];
    private static readonly Lock s_lock = new();

    /// <summary>
    /// Normally distributed numbers, the caller's own. Every case is run many times, of more rows and of fewer: what has been drawn of a seed is
    /// kept, up to a limit, since it takes longer to draw than to use.
    /// </summary>
    public static float[] Normal(int seed, long count, double scale = 1, double mean = 0)
    {
        lock (s_lock)
        {
            (Random random, float[] values) = s_drawn.TryGetValue((seed, scale, mean), out (Random, float[]) drawn) ? drawn : (new Random(seed), []);
            if (values.LongLength >= count)
            {
                return values[..(int)count];
            }

            if (s_drawn.Values.Sum(static d => d.Values.LongLength) + count > Most)
            {
                s_drawn.Clear();
            }

            int first = values.Length;
            Array.Resize(ref values, checked((int)count));
            for (int i = first; i < values.Length; i++)
            {
                double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
                values[i] = (float)(mean + (scale * radius * Math.Cos(2 * Math.PI * random.NextDouble())));
            }

            s_drawn[(seed, scale, mean)] = (random, values);
            return [.. values];
        }
    }

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
