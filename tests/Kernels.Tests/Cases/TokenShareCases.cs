using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of token_bins, token_sums and draw_token, on a part of a vocabulary of twice its size.</summary>
public static class TokenShareCases
{
    private static readonly float[] Temperatures = [1, 0.3f, 2, 1e-4f, 1e30f, 0.7f];

    /// <summary>Every width; spread, close, tied, banned logits.</summary>
    public static IEnumerable<OpCase> All()
    {
        foreach (int width in (int[])[.. Numbers.Widths, 1000])
        {
            foreach ((string name, Func<int, float[]> logits) in Rows(width))
            {
                Func<int, float[]> row = logits;
                var tolerance = new Tolerance(1e-9 * width, 3e-6);
                yield return new OpCase($"bins, {name}, [*, {width}]", tolerance, (set, arena) => Bins(set, arena, width, [0, 1, 2, 3, 4, 5], row));
                yield return new OpCase($"sums, {name}, [*, {width}]", tolerance, (set, arena) => Sums(set, arena, width, [0, 1, 2, 3, 4, 5], row));
                yield return new OpCase($"draw, {name}, [*, {width}]", default, (set, arena) => Draw(set, arena, width, [0, 1, 2, 3, 4, 5], row));
            }
        }
    }

    /// <summary>The chosen rows of a fixed matrix: their bins, sums and tokens.</summary>
    public static Outputs Some(KernelSet set, Arena arena, int width, int[] rows)
    {
        float[] Row(int row) => Numbers.Normal(300 + row, width, 3);
        var all = new Outputs();
        foreach (Output output in (Output[])[.. Bins(set, arena, width, rows, Row).Items, .. Sums(set, arena, width, rows, Row).Items, .. Draw(set, arena, width, rows, Row).Items])
        {
            Tensor copy = arena.Input(output.Bits, new Shape(output.Bits.Length / output.Width, output.Width));
            all.Add(output.Name, copy);
        }

        return all;
    }

    private static IEnumerable<(string, Func<int, float[]>)> Rows(int width)
    {
        yield return ("spread", seed => Numbers.Normal(seed, width, 3));
        yield return ("close", seed => Numbers.Normal(seed, width, 0.01, mean: 40));
        yield return ("ties", seed => [.. Numbers.Normal(seed, width).Select(x => MathF.Round(x))]);
        yield return ("bans", seed => [.. Numbers.Normal(seed, width, 3).Select((x, i) => (i + seed) % 3 == 0 && width > 1 ? float.NegativeInfinity : x)]);
        yield return ("zeros of both signs", _ => [.. Enumerable.Range(0, width).Select(i => i % 3 == 0 ? -0f : 0f)]);
    }

    // The largest logit of the other part is larger in every other row.
    private static (Tensor Logits, Tensor Rows, Tensor Settings) Inputs(Arena arena, int width, int[] rows, Func<int, float[]> row)
    {
        int count = rows.Length;
        float[][] logits = [.. rows.Select(r => row(r))];
        Tensor x = arena.Input([.. Enumerable.Range(0, count).Reverse().SelectMany(i => logits[i])], new Shape(count, width));
        Tensor which = arena.Input([.. Enumerable.Range(0, count).Select(i => count - 1 - i)], new Shape(count));
        float[] settings = [.. rows.SelectMany((r, i) => (float[])[Largest(logits[i]) + (r % 2 * 0.25f * Temperature(r)), Temperature(r)])];
        return (x, which, arena.Input(settings, new Shape(count, TokenShares.SettingColumns)));
    }

    private static float Temperature(int row) => Temperatures[row % Temperatures.Length];

    private static float Largest(float[] logits) => logits.Max() is var largest && float.IsFinite(largest) ? largest : 1;

    private static Outputs Bins(KernelSet set, Arena arena, int width, int[] rows, Func<int, float[]> row)
    {
        (Tensor x, Tensor which, Tensor settings) = Inputs(arena, width, rows, row);
        var outputs = new Outputs();
        for (int digit = 0; digit < TokenShares.Digits; digit++)
        {
            // The digits before are those of a logit that is there.
            int shift = TokenShares.ShiftOf(digit) + 8;
            Tensor prefixes = arena.Input([.. rows.Select(r => digit == 0 ? 12345 : (int)(TokenShares.Key(row(r)[width / 2]) >> shift))], new Shape(rows.Length));
            Tensor bins = Longs(arena, new Shape(rows.Length, TokenShares.Bins, TokenShares.BinColumns));
            set.TokenShares.RunBins(x, which, settings, prefixes, digit, 2 * width, bins);
            Add(outputs, $"digit {digit}", bins, arena, width, countColumn: 0, rows.Length);
        }

        return outputs;
    }

    private static Outputs Sums(KernelSet set, Arena arena, int width, int[] rows, Func<int, float[]> row)
    {
        (Tensor x, Tensor which, Tensor settings) = Inputs(arena, width, rows, row);
        Tensor cuts = Cuts(arena, width, rows, row), sums = Longs(arena, new Shape(rows.Length, TokenShares.BinColumns));
        set.TokenShares.RunSums(x, which, settings, cuts, 2 * width, sums);
        var outputs = new Outputs();
        Add(outputs, "sums", sums, arena, width, countColumn: 0, rows.Length);
        return outputs;
    }

    private static Outputs Draw(KernelSet set, Arena arena, int width, int[] rows, Func<int, float[]> row)
    {
        (Tensor x, Tensor which, Tensor settings) = Inputs(arena, width, rows, row);
        Tensor cuts = Cuts(arena, width, rows, row), ties = arena.Output(DType.I32, new Shape(rows.Length));
        Tensor sums = Longs(arena, new Shape(rows.Length, TokenShares.BinColumns)), targets = Longs(arena, new Shape(rows.Length)), tokens = arena.Output(DType.I32, new Shape(rows.Length));
        set.TokenShares.RunSums(x, which, settings, cuts, 2 * width, sums);
        for (int i = 0; i < rows.Length; i++)
        {
            // Half of the ties, and the middle of a token's weight: the last bit of a weight decides nothing.
            (long count, long above) = (sums.AsSpan<long>()[2 * i], sums.AsSpan<long>()[(2 * i) + 1]);
            float cut = cuts.AsSpan<float>()[2 * i], maximum = settings.AsSpan<float>()[2 * i], temperature = settings.AsSpan<float>()[(2 * i) + 1];
            ties.AsSpan<int>()[i] = (int)((count + 1) / 2);
            long tie = float.IsFinite(cut) ? TokenShares.Weight(cut, maximum, temperature, 0, 2 * width) : 0;
            long total = above + (((count + 1) / 2) * tie);
            targets.AsSpan<long>()[i] = total * 5 / 11;
            if (total == 0)
            {
                // Nothing to draw above the boundary.
                (ties.AsSpan<int>()[i], cuts.AsSpan<float>()[2 * i], targets.AsSpan<long>()[i]) = (0, float.NegativeInfinity, 0);
            }
        }

        set.TokenShares.RunDraw(x, which, settings, cuts, ties, targets, 2 * width, tokens);
        return new Outputs().Add("tokens", tokens);
    }

    private static Tensor Cuts(Arena arena, int width, int[] rows, Func<int, float[]> row) => arena.State(
        [.. rows.SelectMany(r => (float[])[r % 3 == 0 ? float.NegativeInfinity : row(r).Order().ElementAt(width / 3), 0])],
        new Shape(rows.Length, TokenShares.CutColumns));

    private static Tensor Longs(Arena arena, Shape shape)
    {
        Tensor words = arena.Output(DType.I32, new Shape((2 * shape.Count) + 1));
        return new Tensor(DType.I64, shape, (words.Address + 7) / 8 * 8);
    }

    // Counts are exact; weights as what they are of 1.
    private static void Add(Outputs outputs, string name, Tensor sums, Arena arena, int width, int countColumn, int rows)
    {
        ReadOnlySpan<long> all = sums.AsSpan<long>();
        int[] counts = new int[all.Length / 2];
        float[] weights = new float[all.Length / 2];
        for (int i = 0; i < counts.Length; i++)
        {
            counts[i] = (int)all[(2 * i) + countColumn];
            weights[i] = (float)Math.ScaleB(all[(2 * i) + 1 - countColumn], -SampleTokens.WeightBits(2 * width));
        }

        var shape = new Shape(rows, counts.Length / rows);
        outputs.Add($"{name}, counts", arena.Input(counts, shape)).Add($"{name}, weights", arena.Input(weights, shape));
    }
}
