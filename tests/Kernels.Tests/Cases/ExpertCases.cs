using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of expert_router and grouped_experts.</summary>
public static class ExpertCases
{
    /// <summary>Routers by expert count, k and row count; ties and NaN.</summary>
    public static IEnumerable<OpCase> Router()
    {
        foreach (bool renormalise in (bool[])[true, false])
        {
            foreach (int experts in (int[])[.. Numbers.Widths, 512])
            {
                foreach (int topK in ((int[])[1, 2, 8, 10, experts]).Where(k => k <= experts).Distinct())
                {
                    yield return Of($"{topK} of {experts}{(renormalise ? "" : ", as they are")}", experts, topK, renormalise, 3);
                }
            }

            for (int rows = 1; rows <= 130; rows++)
            {
                yield return Of($"{rows} rows{(renormalise ? "" : ", as they are")}", 37, 5, renormalise, rows);
            }
        }

        yield return Given("all alike", 40, 6, (_, _) => 1.5f);
        yield return Given("ties in threes", 64, 10, (t, e) => (e + t) % 21);
        yield return Given("far apart", 33, 4, (t, e) => ((e * 7) + t) % 33 * 40f);
        yield return Given("-infinity everywhere else", 33, 4, (t, e) => (e + t) % 5 == 0 ? e : float.NegativeInfinity);
        yield return Given("NaN in some rows", 33, 4, (t, e) => t % 2 == 0 && e == 32 - t ? float.NaN : e) with { HoldsNaN = true };

        static OpCase Of(string name, int experts, int topK, bool renormalise, int rows) =>
            new(name, new Tolerance(1e-9, 2e-6), (set, arena) => RouterRows(set, arena, experts, topK, renormalise, [.. Enumerable.Range(0, rows)]));

        static OpCase Given(string name, int experts, int topK, Func<int, int, float> logit) =>
            new(name, new Tolerance(1e-9, 2e-6), (set, arena) =>
                Route(set, arena, [.. Enumerable.Range(0, 5 * experts).Select(i => logit(i / experts, i % experts))], experts, topK, true));
    }

    /// <summary>Routes the chosen rows of a fixed matrix of 130.</summary>
    public static Outputs RouterRows(KernelSet set, Arena arena, int experts, int topK, bool renormalise, int[] rows) =>
        Route(set, arena, Numbers.Pick(Numbers.Normal(30, 130 * experts, 2), experts, rows), experts, topK, renormalise);

    /// <summary>Routes rows of logits.</summary>
    public static Outputs Route(KernelSet set, Arena arena, float[] logits, int experts, int topK, bool renormalise)
    {
        int rows = logits.Length / experts;
        Tensor chosen = arena.Output(DType.I32, new Shape(rows, topK));
        Tensor weights = arena.Output(DType.F32, new Shape(rows, topK));
        set.ExpertRouter.Run(arena.Strided(logits, new Shape(rows, experts)), renormalise, chosen, weights);
        return new Outputs().Add("experts", chosen).Add("weights", weights);
    }

    /// <summary>Expert groups by width, expert count and row count, fused and apart; one expert for all rows.</summary>
    public static IEnumerable<OpCase> Grouped()
    {
        foreach (DType type in Weights.Types)
        {
            foreach (int width in Numbers.Widths)
            {
                yield return Of($"{type.Name()} H = {width}, I = 16", type, 4, width, 16, 6, 2);
                yield return Of($"{type.Name()} H = 16, I = {width}", type, 4, 16, width, 6, 2);
            }

            foreach (int rows in Numbers.Rows)
            {
                yield return Of($"{type.Name()} {rows} rows of 5 experts", type, rows, 17, 24, 5, 2);
                yield return Of($"{type.Name()} {rows} rows of 40 experts", type, rows, 24, 17, 40, 5);
                yield return Of($"{type.Name()} {rows} rows of one expert", type, rows, 24, 8, 1, 1);
                yield return Of($"{type.Name()} {rows} rows of 7 experts, of prompts", type, rows, 33, 40, 7, 3, promptRows: rows);
                yield return Of($"{type.Name()} {rows} rows of 3 experts, half of prompts", type, rows, 24, 17, 3, 2, promptRows: rows / 2);
            }

            yield return Of($"{type.Name()} all of 10 experts", type, 33, 32, 24, 10, 10);
            yield return Of($"{type.Name()} all of 10 experts, of prompts", type, 130, 70, 100, 10, 10, promptRows: 130);
            yield return Of($"{type.Name()} 10 of 512 experts", type, 5, 16, 8, 512, 10, promptRows: 2);
        }

        static OpCase Of(string name, DType type, int rows, int hidden, int width, int experts, int topK, int promptRows = 0) =>
            new(name, Tolerance.Sum(hidden).Plus(Tolerance.Sum(width)), (set, arena) =>
                GroupedRows(set, arena, type, hidden, width, experts, topK, [.. Enumerable.Range(0, rows)], promptRows))
            {
            };
    }

    /// <summary>Ranks' parts of 20 experts, one without any: rows choose among all of them, and other ranks' are left out.</summary>
    public static IEnumerable<OpCase> Parts()
    {
        foreach (DType type in Weights.Types)
        {
            foreach ((int first, int count) in ((int, int)[])[(0, 7), (7, 1), (8, 12), (20, 0)])
            {
                foreach (int rows in (int[])[1, 2, 33, 130])
                {
                    yield return new($"{type.Name()} {rows} rows, experts {first} to {first + count}", Tolerance.Sum(24).Plus(Tolerance.Sum(40)), (set, arena) =>
                    {
                        ExpertWeights weights = count == 0 ? ExpertWeights.None(24) : Fused(arena, type, 24, 40, count).AsPart(first);
                        return GroupedRows(set, arena, weights, 20, 4, [.. Enumerable.Range(0, rows)], rows / 2);
                    });
                }
            }
        }
    }

    /// <summary>The chosen rows of a fixed matrix of 130, each with experts and shares of its own.</summary>
    public static Outputs GroupedRows(
        KernelSet set, Arena arena, DType type, int hidden, int width, int experts, int topK, int[] rows, int promptRows = 0)
    {
        ExpertWeights weights = rows.Length % 2 == 0 ? Fused(arena, type, hidden, width, experts)
            : set.Stream is null ? Apart(arena, type, hidden, width, experts) : Stacked(arena, type, hidden, width, experts);
        return GroupedRows(set, arena, weights, experts, topK, rows, promptRows);
    }

    private static Outputs GroupedRows(KernelSet set, Arena arena, ExpertWeights weights, int experts, int topK, int[] rows, int promptRows)
    {
        int hidden = (int)weights.Hidden;
        (Shape shape, Shape pairs) = (new(rows.Length, hidden), new(rows.Length, topK));
        Tensor x = arena.Input(Numbers.Pick(Numbers.Normal(33, 130 * hidden), hidden, rows), shape);
        Tensor chosen = arena.Input([.. rows.SelectMany(row => Numbers.Shuffled(row, experts)[..topK])], pairs);
        Tensor mix = arena.Input([.. rows.SelectMany(row => Numbers.Normal(row, topK, 0.1, mean: 1.0 / topK))], pairs);
        Tensor output = arena.Output(DType.F32, shape);
        Tensor scratch = arena.Scratch(set.GroupedExperts.ScratchBytes(weights, rows.Length, topK));
        set.GroupedExperts.Run(x, weights, chosen, mix, scratch, output, promptRows);
        return new Outputs().Add("output", output);
    }

    private static float[] Up(int hidden, int width, int experts) => Numbers.Normal(31, 2L * experts * width * hidden, 1 / Math.Sqrt(hidden));

    private static float[] Down(int hidden, int width, int experts) => Numbers.Normal(32, (long)experts * width * hidden, 1 / Math.Sqrt(width));

    private static ExpertWeights Fused(Arena arena, DType type, int hidden, int width, int experts) => ExpertWeights.Fused(
        arena.Weight(type, Up(hidden, width, experts), new Shape(experts, 2 * width, hidden)),
        arena.Weight(type, Down(hidden, width, experts), new Shape(experts, hidden, width)));

    // The same numbers as the fused ones, so that the layouts must agree to the bit.
    private static ExpertWeights Apart(Arena arena, DType type, int hidden, int width, int experts)
    {
        (float[] up, float[] down) = (Up(hidden, width, experts), Down(hidden, width, experts));
        int size = width * hidden;
        Tensor[] gates = [.. Enumerable.Range(0, experts).Select(e => Piece(up, 2 * e, new Shape(width, hidden)))];
        Tensor[] ups = [.. Enumerable.Range(0, experts).Select(e => Piece(up, (2 * e) + 1, new Shape(width, hidden)))];
        Tensor[] downs = [.. Enumerable.Range(0, experts).Select(e => Piece(down, e, new Shape(hidden, width)))];
        return new ExpertWeights(gates, ups, downs);

        Tensor Piece(float[] all, int index, Shape shape) => arena.Weight(type, all[(index * size)..((index + 1) * size)], shape);
    }

    // Single matrices as they reach a device: each kind in one buffer.
    private static ExpertWeights Stacked(Arena arena, DType type, int hidden, int width, int experts)
    {
        float[] both = Up(hidden, width, experts);
        int size = width * hidden;
        Tensor gates = arena.Weight(type, [.. both.Where((_, i) => i / size % 2 == 0)], new Shape(experts, width, hidden));
        Tensor ups = arena.Weight(type, [.. both.Where((_, i) => i / size % 2 == 1)], new Shape(experts, width, hidden));
        Tensor downs = arena.Weight(type, Down(hidden, width, experts), new Shape(experts, hidden, width));
        return new ExpertWeights(Slices(gates), Slices(ups), Slices(downs));

        static Tensor[] Slices(Tensor all) => [.. Enumerable.Range(0, (int)all.Shape[0]).Select(e => all.Slice(e))];
    }
}
