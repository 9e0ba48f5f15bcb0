namespace Lean.Kernels;

/// <summary>
/// Normally distributed numbers by seed. Every call of a self-test is made three times and many have the same tensors, whose numbers would
/// take longer to draw than to use: what has been drawn of a seed is kept, up to a limit.
/// </summary>
internal static class NormalNumbers
{
    // 64 MB.
    private const long Most = 16L << 20;

    private static readonly Dictionary<int, (Random Random, float[] Values)> s_drawn = [];
    private static readonly Lock s_lock = new();

    /// <summary>The first numbers of a seed, which alone decides them; the caller's own.</summary>
    public static float[] Of(int seed, long count)
    {
        lock (s_lock)
        {
            (Random random, float[] values) = s_drawn.TryGetValue(seed, out (Random, float[]) drawn) ? drawn : (new Random(seed), []);
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
                values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
            }

            s_drawn[seed] = (random, values);
            return [.. values];
        }
    }
}
