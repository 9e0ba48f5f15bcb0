using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The self-test's calls of a prompt's routed experts by wgmma, which Hopper has: experts without rows, with a tile's and a
/// step's rows, one less and one more; one expert that has all. Rows alone and in cuts must give the same bits.
/// </summary>
internal static class PromptExpertSelfCases
{
    private const double F32 = 1e-5;
    private static readonly int[] Edges = [0, 1, 7, 8, 9, 33, 0, 63, 64, 65, 97, 121, 143, 144, 145, 289, 0];

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. Tiles(), .. Whole(), .. Parts()];

    private static IEnumerable<SelfCase> Tiles() =>
        from shape in ((int Hidden, int Width)[])[(72, 40), (136, 200), (264, 128), (328, 200)]
        from counts in (int[][])[[1], [0, 3, 0], Edges]
        select Of(shape.Hidden, shape.Width, topK: 1, counts.Length, 0, counts.Length, [.. counts.SelectMany((count, e) => Enumerable.Repeat(e, count))]);

    // Each row's experts lie apart; one row more than a tile, and many.
    private static IEnumerable<SelfCase> Whole() =>
        from shape in ((int Hidden, int Width, int Experts, int TopK, int Rows)[])[(72, 136, 1, 1, 129), (72, 136, 40, 8, 300), (1024, 128, 12, 3, 70), (136, 72, 1, 1, 1000)]
        select Of(shape.Hidden, shape.Width, shape.TopK, shape.Experts, 0, shape.Experts, [.. Enumerable.Range(0, shape.Rows * shape.TopK).Select(i => ((i / shape.TopK * 7) + (i % shape.TopK)) % shape.Experts)]);

    // A rank's part of the experts: rows choose among all of them, and some have none here.
    private static IEnumerable<SelfCase> Parts() =>
        from here in ((int First, int Count)[])[(0, 7), (8, 12)]
        from rows in (int[])[3, 130]
        select Of(136, 72, topK: 4, experts: 20, here.First, here.Count, [.. Enumerable.Range(0, rows * 4).Select(i => ((i / 4 * 7) + (i % 4)) % 20)]);

    private static SelfCase Of(int hidden, int width, int topK, int experts, int firstHere, int here, int[] routing) => new(
        "prompt_experts", $"bf16 [{routing.Length / topK}, {hidden}] by {width}, {topK} of {experts} experts{(here < experts ? $", of which {here} from {firstHere} on are here" : "")}", 2 * F32, (set, memory) =>
        {
            int rows = routing.Length / topK;
            Shape pairs = new(rows, topK), both = new(here, 2 * width, hidden), single = new(here, hidden, width);
            Tensor x = memory.New("x", DType.F32, new Shape(rows, hidden), SelfCases.Normal(91, rows * hidden));
            Tensor chosen = memory.New("experts", pairs, routing), mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(92, pairs.Count));
            var weights = ExpertWeights.Fused(
                memory.New("gateUp", DType.BF16, both, SelfCases.Normal(93, both.Count)), memory.New("down", DType.BF16, single, SelfCases.Normal(94, single.Count)));
            weights = here < experts ? weights.AsPart(firstHere) : weights;
            Tensor scratch = memory.New("scratch", DType.I8, new Shape(long.Max(64, set.GroupedExperts.ScratchBytes(weights, rows, topK))));
            Tensor output = memory.New("output", DType.F32, new Shape(rows, hidden)), other = memory.New("other", DType.F32, output.Shape), alone = memory.New("alone", DType.F32, new Shape(1, hidden));
            set.GroupedExperts.Run(x, weights, chosen, mix, scratch, output, rows);
            for (int first = 0, count = 1; first < rows; first += count, count = int.Min((count * 3) + 1, rows - first))
            {
                // Nobody may keep what another call left.
                scratch.AsSpan<byte>().Fill(0xff);
                set.GroupedExperts.Run(x.Rows(first, count), weights, chosen.Rows(first, count), mix.Rows(first, count), scratch, other.Rows(first, count), count);
            }

            return
            [
                output,
                memory.New("differences", new Shape(1), [SelfCases.Differences(output, other)]),
                ProductSelfCases.Compare(memory, output, alone, row => set.GroupedExperts.Run(
                    x.Rows(row, 1), weights, chosen.Rows(row, 1), mix.Rows(row, 1), scratch, alone, promptRows: 1)),
            ];
        }, IsAligned: true, Rounded: SelfCases.RoundedParts);
}
