using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of the router, the routed experts and the MLP.</summary>
internal static class ExpertSelfCases
{
    private const double F32 = 1e-5;
    private static readonly int[] RowCounts = [1, 5, 64, 130];

    private static readonly DType[] WeightTypes = [DType.BF16, DType.F32];

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. Router(), .. Grouped(), .. Parts(), .. Mlp(), .. MlpTiles()];

    private static IEnumerable<SelfCase> Router() =>
        from experts in (int[])[37, 256, 512]
        from topK in (int[])[1, 8, 10]
        from rows in RowCounts
        select new SelfCase("expert_router", $"[{rows}, {experts}], {topK} of them", F32, (set, memory) =>
        {
            // Ties go to the lower index.
            float[] values = SelfCases.Normal(21, rows * experts);
            values[experts / 2] = values[3] = values[experts - 1] = 4;
            Tensor chosen = memory.New("experts", DType.I32, new Shape(rows, topK)), weights = memory.New("weights", DType.F32, new Shape(rows, topK));
            set.ExpertRouter.Run(memory.New("logits", DType.F32, new Shape(rows, experts), values), renormalise: true, chosen, weights);
            return [chosen, weights];
        });

    private static IEnumerable<SelfCase> Grouped() =>
        from type in WeightTypes
        from shape in ((int Hidden, int Width, int Experts, int TopK)[])[(33, 40, 5, 2), (64, 24, 40, 8), (16, 70, 1, 1)]
        from rows in RowCounts
        from prompts in (int[])[0, rows / 2, rows]
        select Grouped(type, rows, shape.Hidden, shape.Width, shape.Experts, first: 0, here: shape.Experts, shape.TopK, prompts, isAligned: false);

    // A rank's part of the experts: rows choose among all of them.
    private static IEnumerable<SelfCase> Parts() =>
        from here in ((int First, int Count)[])[(0, 7), (8, 12)]
        from rows in RowCounts
        from prompts in (int[])[0, rows / 2, rows]
        select Grouped(DType.BF16, rows, hidden: 136, width: 72, experts: 20, here.First, here.Count, topK: 4, prompts, isAligned: true);

    private static SelfCase Grouped(DType type, int rows, int hidden, int width, int experts, int first, int here, int topK, int prompts, bool isAligned) => new(
        "grouped_experts",
        $"{type.Name()} [{rows}, {hidden}], {topK} of {experts} experts{(here < experts ? $", of which {here} are here" : "")}, {prompts} of prompts{(isAligned ? ", aligned" : "")}",
        isAligned && prompts > 0 ? 2 * F32 : F32, (set, memory) =>
        {
            Shape pairs = new(rows, topK), both = new(here, 2 * width, hidden), single = new(here, hidden, width);
            Tensor x = memory.New("x", DType.F32, new Shape(rows, hidden), SelfCases.Normal(22, rows * hidden));
            Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * topK).Select(i => ((i / topK * 7) + (i % topK)) % experts)]);
            Tensor mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(23, pairs.Count)), output = memory.New("output", DType.F32, new Shape(rows, hidden));
            var weights = ExpertWeights.Fused(
                memory.New("gateUp", type, both, SelfCases.Normal(24, both.Count)), memory.New("down", type, single, SelfCases.Normal(25, single.Count)));
            weights = here < experts ? weights.AsPart(first) : weights;
            Tensor scratch = memory.New("scratch", DType.I8, new Shape(long.Max(64, set.GroupedExperts.ScratchBytes(weights, rows, topK) + 64)));
            long aligned = -scratch.Address & 63;
            set.GroupedExperts.Run(x, weights, chosen, mix, scratch.Rows(aligned, scratch.Shape[0] - aligned), output, prompts);
            return [output];
        }, isAligned, Rounded: prompts > 0 ? SelfCases.RoundedParts : 0);

    private static IEnumerable<SelfCase> Mlp() =>
        from type in WeightTypes
        from shape in ((int Hidden, int Width)[])[(33, 40), (129, 70)]
        from rows in RowCounts
        from prompts in (int[])[0, rows / 2, rows]
        select Mlp("gated_mlp", type, rows, shape.Hidden, shape.Width, prompts, isAligned: false);

    // What tensor cores take; see SelfCases.
    private static IEnumerable<SelfCase> MlpTiles() =>
        from shape in ((int Rows, int Hidden, int Width)[])[(1, 64, 8), (5, 136, 200), (130, 264, 72)]
        select Mlp("gated_mlp_tiles", DType.BF16, shape.Rows, shape.Hidden, shape.Width, shape.Rows, isAligned: true);

    private static SelfCase Mlp(string op, DType type, int rows, int hidden, int width, int prompts, bool isAligned) => new(
        op, $"{type.Name()} [{rows}, {hidden}] by {width}, {prompts} of prompts{(isAligned ? ", aligned" : "")}", isAligned ? 2 * F32 : F32, (set, memory) =>
        {
            Shape full = new(rows, hidden), inner = new(width, hidden);
            Tensor x = memory.New("x", DType.F32, full, SelfCases.Normal(26, full.Count)), add = memory.New("add", DType.F32, full, SelfCases.Normal(27, full.Count));
            Tensor gate = memory.New("gate", type, inner, SelfCases.Normal(28, inner.Count)), up = memory.New("up", type, inner, SelfCases.Normal(29, inner.Count));
            Tensor down = memory.New("down", type, new Shape(hidden, width), SelfCases.Normal(30, inner.Count));
            Tensor logit = memory.New("gateLogit", DType.F32, new Shape(rows, 1), SelfCases.Normal(31, rows));
            Tensor scratch = memory.New("scratch", DType.F32, new Shape(rows, 2 * width)), output = memory.New("output", DType.F32, full);
            set.GatedMlp.Run(x, new LinearWeight(gate, up), new LinearWeight(down), logit, add, scratch, output, prompts);
            return [output];
        }, isAligned);
}
