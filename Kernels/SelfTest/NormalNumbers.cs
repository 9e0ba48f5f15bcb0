namespace Lean.Kernels;

/// <summary>
/// Normally distributed numbers by seed. Every call of a self-test is made three times and many have the same tensors, and every case of a test many times, of more rows
/// and of fewer: numbers take longer to draw than to use, so what has been drawn of a seed is kept, up to a limit.
/// </summary>
internal static class NormalNumbers
{
    // 64 MB.
    private const long Most = 16L << 20;

    private static readonly Dictionary<(int Seed, double Scale, double Mean), (Random Random, float[] Values)> s_drawn = [];
    private static readonly Lock s_lock = new();

    /// <summary>The first numbers of a seed, which alone decides them; the caller's own.</summary>
    public static float[] Of(int seed, long count, double scale = 1, double mean = 0)
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
}
