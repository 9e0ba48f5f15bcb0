using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of greedy_pick on parts of a vocabulary, pack_picks and merge_picks.</summary>
public static class RankPickCases
{
    private static readonly Tolerance s_allowed = new(2e-6, 2e-6);

    /// <summary>By ranks and rows, with ties, faults and logits far apart.</summary>
    public static IEnumerable<OpCase> All()
    {
        foreach (int ranks in (int[])[1, 2, 3, 8])
        {
            foreach (int rows in (int[])[1, 3, 63, 64, 65, 130])
            {
                yield return new OpCase($"{rows} rows of {ranks} ranks", s_allowed, (set, arena) => Divided(set, arena, Logits(rows, 50, ties: false), 50, ranks));
            }

            yield return new OpCase($"ties between {ranks} ranks", s_allowed, (set, arena) => Divided(set, arena, Logits(40, 50, ties: true), 50, ranks));
            foreach (float value in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
            {
                yield return new OpCase($"{value} on one of {ranks} ranks", s_allowed, (set, arena) =>
                {
                    float[] logits = Logits(4, 50, ties: false);
                    logits[0] = logits[50 + 25] = logits[199] = value;
                    return Divided(set, arena, logits, 50, ranks);
                })
                { HoldsNaN = true };
            }
        }

        yield return new OpCase("a rank that counts for nothing", s_allowed, static (set, arena) =>
            Divided(set, arena, [.. Enumerable.Range(0, 60).Select(static i => i < 30 ? -3000f - i : 3000f + (i % 7))], 60, 2));
        yield return new OpCase("zeros of both signs", s_allowed, static (set, arena) =>
            Divided(set, arena, [.. Enumerable.Range(0, 60).Select(static i => i < 10 ? -0f : 0f)], 20, 4));
    }

    /// <summary>Rows of logits, whole numbers where there shall be ties.</summary>
    public static float[] Logits(int rows, int width, bool ties) => [.. Numbers.Normal(rows, (long)rows * width, 3).Select(x => ties ? MathF.Round(x / 3) : x)];

    /// <summary>Each rank picks among its part of the vocabulary, parts as even as can be; then the picks are joined.</summary>
    public static Outputs Divided(KernelSet set, Arena arena, float[] logits, int width, int ranks)
    {
        int rows = logits.Length / width;
        Tensor picks = arena.Output(DType.I32, new Shape(ranks * rows, RankPicks.Words));
        for (int rank = 0, first = 0; rank < ranks; rank++)
        {
            int count = (width / ranks) + (rank < width % ranks ? 1 : 0), start = first;
            float[] part = [.. Enumerable.Range(0, rows * count).Select(i => logits[(i / count * width) + start + (i % count)])];
            Tensor own = arena.Input(part, new Shape(rows, count)), chosen = arena.Output(DType.I32, new Shape(rows)), values = arena.Output(DType.F32, new Shape(rows));
            set.GreedyPick.Run(own, chosen, values);
            set.RankPicks.Pack(own, chosen, values, first, picks.Rows(rank * rows, rows));
            first += count;
        }

        Tensor tokens = arena.Output(DType.I32, new Shape(rows)), probabilities = arena.Output(DType.F32, new Shape(rows));
        set.RankPicks.Merge(picks, tokens, probabilities);
        return new Outputs().Add("tokens", tokens).Add("log_probabilities", probabilities);
    }
}
