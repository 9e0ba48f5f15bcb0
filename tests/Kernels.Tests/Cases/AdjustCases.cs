using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of adjust_logits.</summary>
public static class AdjustCases
{
    private static readonly (float Repetition, float Presence, float Frequency)[] Penalties =
        [(1, 0, 0), (1.1f, 0, 0), (0.5f, 0, 0), (1, 0.75f, 0), (1, 0, 1.5f), (1.3f, -2, -0.25f), (1e30f, 2, 2), (1e-30f, 0, 0)];

    /// <summary>Lists of every length, biases and bans, logits that are no numbers, penalties beyond f32.</summary>
    public static IEnumerable<OpCase> All()
    {
        foreach (int width in (int[])[1, 3, 17, 100, 2048])
        {
            foreach (int listed in (int[])[0, 1, width / 2, width])
            {
                yield return new OpCase($"{listed} of [8, {width}]", new Tolerance(2e-5, 5e-7), (set, arena) =>
                    Adjust(set, arena, width, [.. Enumerable.Range(0, 8)], Numbers.Normal(61, 8L * width, 5), _ => listed));
            }

            foreach (float value in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
            {
                yield return new OpCase($"{value} in [8, {width}]", new Tolerance(2e-5, 5e-7), (set, arena) =>
                    Adjust(set, arena, width, [.. Enumerable.Range(0, 8)], [.. Numbers.Normal(62, 8L * width, 5).Select((x, i) => i % 3 == 0 ? value : x)], r => r * width / 8))
                { HoldsNaN = true };
            }
        }
    }

    /// <summary>The chosen rows of a fixed matrix, each with lists and penalties of its number.</summary>
    public static Outputs Rows(KernelSet set, Arena arena, int width, int[] rows) =>
        Adjust(set, arena, width, rows, Numbers.Pick(Numbers.Normal(63, (rows.Max() + 1L) * width, 5), width, rows), r => r % width);

    private static Outputs Adjust(KernelSet set, Arena arena, int width, int[] rows, float[] logits, Func<int, int> listed)
    {
        List<int> biasStarts = [0], biased = [], seenStarts = [0], seen = [];
        List<float> biases = [], penalties = [];
        foreach (int r in rows)
        {
            int[] tokens = Numbers.Shuffled(r, width)[..listed(r)], others = Numbers.Shuffled(1000 + r, width)[..(listed(r) / 2)];
            seen.AddRange(tokens.SelectMany((t, i) => new[] { t, i % 5 }));
            biased.AddRange(others);
            biases.AddRange(others.Select((_, i) => i % 4 == 3 ? float.NegativeInfinity : (i % 7) - 3.3f));
            seenStarts.Add(seen.Count / LogitAdjustments.SeenColumns);
            biasStarts.Add(biased.Count);
            (float repetition, float presence, float frequency) = Penalties[r % Penalties.Length];
            penalties.AddRange([repetition, presence, frequency]);
        }

        Tensor x = arena.State(logits, new Shape(rows.Length, width));
        set.AdjustLogits.Run(x, new LogitAdjustments
        {
            BiasStarts = arena.Input([.. biasStarts], new Shape(biasStarts.Count)),
            Biased = arena.Input([.. biased], new Shape(biased.Count)),
            Biases = arena.Input([.. biases], new Shape(biases.Count)),
            SeenStarts = arena.Input([.. seenStarts], new Shape(seenStarts.Count)),
            Seen = arena.Input([.. seen], new Shape(seen.Count / LogitAdjustments.SeenColumns, LogitAdjustments.SeenColumns)),
            Penalties = arena.Input([.. penalties], new Shape(rows.Length, LogitAdjustments.PenaltyColumns)),
        });
        return new Outputs().Add("logits", x);
    }
}
