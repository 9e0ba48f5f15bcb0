using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of sample_tokens.</summary>
public static class SamplingCases
{
    private static readonly Setting[] Settings =
    [
        new(0), new(1), new(0.3), new(2), new(1e-4), new(1e-40), new(1e30), new(1, TopK: 1), new(1, TopK: 2), new(0.7, TopK: 20), new(1.5, TopK: 50),
        new(1, TopK: 1000), new(1, TopP: 0.1), new(1, TopP: 0.5), new(0.7, TopP: 0.8), new(2, TopP: 0.95), new(1, TopP: 0.999), new(1, TopP: 1e-6),
        new(1, MinP: 0.02), new(1.5, MinP: 0.3), new(1, MinP: 1), new(0.7, TopK: 20, TopP: 0.8), new(1, TopK: 50, TopP: 0.9, MinP: 0.05), new(1, TopK: 300, TopP: 0.5),
        new(0, TopK: 5, TopP: 0.5), new(1, TopK: 50, TopP: 1e-6), new(0.7, TopK: 5000, TopP: 0.99), new(3, TopP: 0.97),
    ];

    // Those whose boundaries lie where devices search differently: k of tens, of thousands and of all, shares of few tokens and of most.
    private static readonly Setting[] Boundaries =
    [
        new(1), new(1, TopK: 2), new(0.7, TopK: 20, TopP: 0.8), new(1.5, TopK: 4096), new(1, TopK: 4097, TopP: 0.999), new(2, TopK: 8191), new(1, TopK: 8193),
        new(1, TopP: 1e-6), new(1, TopP: 0.5), new(4, TopP: 0.98), new(1e30, TopP: 0.5), new(1e-40, TopK: 3), new(1, TopK: 12, MinP: 1), new(1, TopP: 0.9, MinP: 0.01),
    ];

    /// <summary>Every width and setting; ties, bans, faults.</summary>
    public static IEnumerable<OpCase> All()
    {
        foreach (int width in (int[])[.. Numbers.Widths, 1000, 20000])
        {
            yield return Of($"[*, {width}]", width, seed => Numbers.Normal(seed, width, 3));
            yield return Of($"close logits, [*, {width}]", width, seed => Numbers.Normal(seed, width, 0.01, mean: 40));
            yield return Of($"ties, [*, {width}]", width, seed => [.. Numbers.Normal(seed, width).Select(x => MathF.Round(x))]);
            yield return Of($"all equal, [*, {width}]", width, _ => [.. Enumerable.Repeat(-7.25f, width)]);
            yield return Of($"rising, [*, {width}]", width, _ => [.. Enumerable.Range(0, width).Select(i => i / (float)width)]);
            yield return Of($"bans, [*, {width}]", width, seed => [.. Numbers.Normal(seed, width, 3).Select((x, i) => (i + seed) % 3 == 0 && width > 1 ? float.NegativeInfinity : x)]);
            foreach (float fault in (float[])[float.NaN, float.PositiveInfinity])
            {
                yield return Of($"{fault} in [*, {width}]", width, seed =>
                {
                    float[] logits = Numbers.Normal(seed, width, 3);
                    logits[seed % width] = fault;
                    return logits;
                });
            }
        }

        // Devices cut rows into parts of 4,096 logits and list at most as many.
        foreach (int width in (int[])[4095, 4096, 4097, 8192, 8193])
        {
            yield return Of($"[*, {width}]", seed => Numbers.Normal(seed, width, 3));
            yield return Of($"ties, [*, {width}]", seed => [.. Numbers.Normal(seed, width).Select(x => MathF.Round(2 * x))]);
            yield return Of($"all equal, [*, {width}]", _ => [.. Enumerable.Repeat(3.5f, width)]);
            yield return Of($"ties around a part's end, [*, {width}]", seed =>
            {
                float[] logits = Numbers.Normal(seed, width);
                Array.Fill(logits, 9, width / 2, 20);
                Array.Fill(logits, 9, width - 3, 3);
                logits.AsSpan(int.Min(4090, width - 20), 12).Fill(9);
                return logits;
            });
            yield return Of($"bans and few others, [*, {width}]", seed =>
            {
                float[] logits = [.. Enumerable.Repeat(float.NegativeInfinity, width)];
                for (int i = 0; i < 30; i++)
                {
                    logits[(i * 1237) % width] = i % 7;
                }

                return logits;
            });
            yield return Of($"a fault at the end, [*, {width}]", seed =>
            {
                float[] logits = Numbers.Normal(seed, width);
                logits[^1] = seed % 3 == 0 ? float.NaN : seed % 3 == 1 ? float.PositiveInfinity : logits[^1];
                return logits;
            });

            OpCase Of(string name, Func<int, float[]> logits) => new(
                name, default, (set, arena) => Draw(set, arena, width, Boundaries, i => logits(200 + i), i => Philox.Draw((ulong)width + 1, i)));
        }

        yield return Of("all banned", 100, _ => [.. Enumerable.Repeat(float.NegativeInfinity, 100)]);
        yield return Of("zeros of both signs", 200, _ => [.. Enumerable.Range(0, 200).Select(i => i % 3 == 0 ? -0f : 0f)]);
        yield return Of("around zero", 300, seed => Numbers.Normal(seed, 300, 1e-38));
        yield return Of("the largest floats", 300, seed => [.. Numbers.Normal(seed, 300).Select(x => x > 1 ? float.MaxValue : x < -1 ? float.MinValue : x)]);
        yield return Of("a vocabulary", 248320, seed => Numbers.Normal(seed, 248320, 2.5), [1, 9, 14, 15, 19, 21, 22]);
        yield return Of("a vocabulary of ties", 248320, seed => [.. Numbers.Normal(seed, 248320, 4).Select(x => MathF.Round(x))], [9, 14, 21]);
    }

    /// <summary>The chosen rows of a fixed matrix, each with the setting of its number.</summary>
    public static Outputs Rows(KernelSet set, Arena arena, int width, int[] rows) => Draw(
        set, arena, width, [.. rows.Select(r => Settings[r % Settings.Length])], i => Numbers.Normal(rows[i], width, 3), i => Philox.Draw(7, rows[i]));

    /// <summary>Draws a token for each setting. Rows go to places in the reverse order; one place tells of a fault before.</summary>
    public static Outputs Draw(KernelSet set, Arena arena, int width, Setting[] settings, Func<int, float[]> logits, Func<int, ulong> draw)
    {
        int count = settings.Length;
        Tensor x = arena.Input([.. Enumerable.Range(0, count).SelectMany(logits)], new Shape(count, width));
        Tensor rows = arena.Input([.. Enumerable.Range(0, count).Select(i => count - 1 - i)], new Shape(count));
        Tensor shaping = arena.Input([.. settings.SelectMany(s => new[] { (float)s.Temperature, (float)s.TopP, (float)s.MinP })], new Shape(count, SampleTokens.SettingColumns));
        Tensor topK = arena.Input([.. settings.Select(s => s.TopK)], new Shape(count));
        Tensor draws = arena.Input([.. Enumerable.Range(0, count).SelectMany(i => new[] { (int)draw(i), (int)(draw(i) >> 32) })], new Shape(count, SampleTokens.DrawColumns));
        Tensor tokens = arena.Output(DType.I32, new Shape(count + 2));
        tokens.Rows(0, count).AsSpan<int>().Clear();
        tokens.AsSpan<int>()[count + 1] = 12345;
        set.SampleTokens.Run(x, rows, shaping, topK, draws, tokens);
        int[] found = tokens.AsSpan<int>().ToArray();
        Assert.Equal((-1, 12345), (found[count], found[count + 1]));
        tokens.Rows(0, count).AsSpan<int>().Reverse();
        return new Outputs().Add("tokens", tokens.Rows(0, count));
    }

    private static OpCase Of(string name, int width, Func<int, float[]> logits, int[]? chosen = null)
    {
        Setting[] settings = chosen is null ? Settings : [.. chosen.Select(i => Settings[i])];
        return new OpCase(name, default, (set, arena) => Draw(set, arena, width, settings, i => logits(100 + i), i => Philox.Draw((ulong)width, i)));
    }

    /// <summary>How a row is sampled.</summary>
    public readonly record struct Setting(double Temperature, int TopK = 0, double TopP = 1, double MinP = 0);
}
