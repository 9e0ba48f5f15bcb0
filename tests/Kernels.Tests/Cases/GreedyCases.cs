using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of greedy_pick.</summary>
public static class GreedyCases
{
    /// <summary>Every vocabulary and row count; ties, NaN and infinities at every kind of place.</summary>
    public static IEnumerable<OpCase> All()
    {
        foreach (int width in (int[])[.. Numbers.Widths, 1000, 151936])
        {
            yield return Of($"[3, {width}]", [0, 1, 2], width);
            foreach (float value in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
            {
                yield return new OpCase($"{value} in [4, {width}]", Allowed(width), (set, arena) =>
                {
                    float[] logits = Numbers.Normal(41, 4 * width);
                    logits[0] = logits[width + (width / 2)] = logits[(3 * width) - 1] = value;
                    return Pick(set, arena, logits, width);
                })
                { HoldsNaN = true };
            }

            yield return new OpCase($"ties in [4, {width}]", Allowed(width), (set, arena) =>
            {
                // Whole numbers repeat; the largest stands at many places.
                float[] logits = [.. Numbers.Normal(42, 4 * width).Select(x => MathF.Round(x))];
                return Pick(set, arena, logits, width);
            });
        }

        for (int rows = 1; rows <= 130; rows++)
        {
            yield return Of($"[{rows}, 100]", [.. Enumerable.Range(0, rows)], 100);
        }

        yield return new OpCase("large logits", Allowed(100), (set, arena) => Pick(set, arena, Numbers.Normal(43, 400, 300, mean: 5000), 100));
        yield return new OpCase("all negative", Allowed(100), (set, arena) => Pick(set, arena, Numbers.Normal(44, 400, 3, mean: -500), 100));
        yield return new OpCase("zeros of both signs", Allowed(33), (set, arena) =>
            Pick(set, arena, [.. Enumerable.Range(0, 99).Select(i => i % 3 == 0 ? -0f : 0f)], 33));

        static OpCase Of(string name, int[] rows, int width) => new(name, Allowed(width), (set, arena) => Rows(set, arena, width, rows));

        // A sum of V positive terms errs by about 1e-8·√V rms, its logarithm by as much absolutely.
        static Tolerance Allowed(int width) => new(1e-6 + (5e-8 * Math.Sqrt(width)), 1e-6);
    }

    /// <summary>The chosen rows of a fixed matrix.</summary>
    public static Outputs Rows(KernelSet set, Arena arena, int width, int[] rows) =>
        Pick(set, arena, Numbers.Pick(Numbers.Normal(40, (rows.Max() + 1L) * width, 3), width, rows), width);

    /// <summary>Picks from rows of logits.</summary>
    public static Outputs Pick(KernelSet set, Arena arena, float[] logits, int width)
    {
        int rows = logits.Length / width;
        Tensor tokens = arena.Output(DType.I32, new Shape(rows));
        Tensor logProbabilities = arena.Output(DType.F32, new Shape(rows));
        set.GreedyPick.Run(arena.Input(logits, new Shape(rows, width)), tokens, logProbabilities);
        return new Outputs().Add("tokens", tokens).Add("log_probabilities", logProbabilities);
    }
}
