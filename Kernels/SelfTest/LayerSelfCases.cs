using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of ops that do a layer's generated rows at once, aligned as a model's are, and some rows again alone.</summary>
internal static class LayerSelfCases
{
    private const double F32 = 1e-5;
    private const int Rows = 9;
    private const int Prompts = 2;

    // Sequences that begin, that go on, that verify four rows; the same four one by one.
    private static readonly Sequences Mixed = new(5, [2, 1, 7, 3, 3, 4, 12, 1, 7, 2, 0, 0], [[3, 1, 12, 1], [4, 1, 13, 1], [5, 1, 14, 1], [6, 1, 15, 1]]);

    // One row each; with so many key heads a card's multiprocessor has more than one of them.
    private static readonly Sequences Single = new(
        7, [.. Enumerable.Range(0, 7).SelectMany(static i => (int[])[2 + i, 1, 3 * i, 6 - i])], [.. Enumerable.Range(0, 7).Select(static i => (int[])[2 + i, 1, 3 * i, 6 - i])]);

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. Mixture(), .. DeltaNet()];

    private static IEnumerable<SelfCase> Mixture() =>
        from shape in ((int Hidden, int Width, int Shared, int Experts, int TopK)[])[(72, 40, 24, 40, 8), (512, 128, 128, 24, 2), (2048, 24, 40, 14, 13), (64, 2048, 2048, 3, 2)]
        from rows in shape.Width == shape.Shared ? (int[])[1, 2, 5, 33, 64] : [1, 2, 5, 64]
        from prompts in rows == 5 ? (int[])[0, 2] : rows == 64 ? [0, 64] : [0]
        select new SelfCase("expert_mixture", $"bf16 aligned [{rows}, {shape.Hidden}] by {shape.Width} and {shape.Shared}, {shape.TopK} of {shape.Experts} experts, {prompts} of prompts", prompts > 0 ? 2 * F32 : F32, (set, memory) =>
        {
            (int hidden, int width, int sharedWidth, int experts, int topK) = shape;
            Shape pairs = new(rows, topK), both = new(experts, 2 * width, hidden), single = new(experts, hidden, width);
            Tensor x = memory.New("x", DType.F32, new Shape(rows, hidden), SelfCases.Normal(71, rows * hidden));
            Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * topK).Select(i => ((i / topK * 7) + (i % topK)) % experts)]);
            Tensor mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(72, pairs.Count)), logit = memory.New("gateLogit", DType.F32, new Shape(rows, 1), SelfCases.Normal(73, rows));
            var weights = ExpertWeights.Fused(
                memory.New("gateUp", DType.BF16, both, SelfCases.Normal(74, both.Count)), memory.New("down", DType.BF16, single, SelfCases.Normal(75, single.Count)));
            Shape inner = new(2 * sharedWidth, hidden), outer = new(hidden, sharedWidth);
            var shared = new SharedExpert(
                new LinearWeight(memory.New("sharedGateUp", DType.BF16, inner, SelfCases.Normal(76, inner.Count))),
                new LinearWeight(memory.New("sharedDown", DType.BF16, outer, SelfCases.Normal(77, outer.Count))));
            Tensor scratch = memory.New("scratch", DType.I8, new Shape(set.ExpertMixture.ScratchBytes(weights, shared, rows, topK)));
            Tensor output = memory.New("output", DType.F32, new Shape(rows, hidden)), alone = memory.New("alone", DType.F32, new Shape(1, hidden));
            set.ExpertMixture.Run(x, weights, shared, chosen, mix, logit, scratch, output, prompts);
            return [output, ProductSelfCases.Compare(memory, output, alone, row => set.ExpertMixture.Run(
                x.Rows(row, 1), weights, shared, chosen.Rows(row, 1), mix.Rows(row, 1), logit.Rows(row, 1), scratch, alone, promptRows: row < prompts ? 1 : 0))];
        }, IsAligned: true, Rounded: prompts > 0 ? SelfCases.RoundedParts : 0);

    private static IEnumerable<SelfCase> DeltaNet() =>
        from call in ((DeltaRuleShape Shape, Sequences Of)[])[
            (new(2, 2, 128, 128), Mixed), (new(2, 4, 128, 128), Mixed), (new(2, 6, 16, 24), Mixed), (new(24, 48, 128, 128), Single)]
        select new SelfCase("generated_delta_net", $"{call.Shape}", F32, (set, memory) =>
        {
            (DeltaRuleShape shape, Sequences of) = call;
            int width = shape.Channels + shape.ValueWidth + (2 * shape.ValueHeads);
            Tensor projected = memory.New("projected", DType.F32, new Shape(Rows, width), SelfCases.Normal(81, Rows * width));
            Tensor convolution = memory.New("convolution", DType.F32, new Shape(shape.Channels, 4), SelfCases.Normal(82, shape.Channels * 4));
            Tensor decay = memory.New("decay", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(83, shape.ValueHeads));
            Tensor timeBias = memory.New("timeBias", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(84, shape.ValueHeads));
            var weights = new DeltaNetParameters(convolution, decay, timeBias, memory.New("norm", DType.F32, new Shape(shape.ValueDim), SelfCases.Normal(85, shape.ValueDim)), 1e-6f);
            int after = shape.Channels + shape.ValueWidth;
            var inputs = new DeltaNetInputs(
                projected.Columns(0, shape.Channels), projected.Columns(shape.Channels, shape.ValueWidth), projected.Columns(after, shape.ValueHeads),
                projected.Columns(after + shape.ValueHeads, shape.ValueHeads));
            (Tensor output, Tensor state, Tensor history) = Run(set, memory, shape, weights, inputs, of.Slots, of.Together);
            (Tensor alone, Tensor stateAlone, Tensor historyAlone) = Run(set, memory, shape, weights, inputs, of.Slots, of.Apart);

            // The oracle rounds a state to f32 after each call, so its own rows differ in their last bits: only a device's count.
            int[] differences = set.Stream is null ? new int[of.Apart.Length]
                : [.. of.Apart.Select(one =>
                {
                    int row = one[Segments.FirstRow], slot = one[Segments.Slot];
                    bool isLast = Array.FindLast(of.Apart, a => a[Segments.Slot] == slot) == one;
                    return SelfCases.Differences(output.Rows(row, 1), alone.Rows(row, 1))
                        + (isLast ? SelfCases.Differences(state.Rows(slot, 1), stateAlone.Rows(slot, 1)) + SelfCases.Differences(history.Rows(slot, 1), historyAlone.Rows(slot, 1)) : 0);
                })];
            return [output.Rows(Prompts, Rows - Prompts), state, history, memory.New("differences", new Shape(differences.Length), differences)];
        }, IsAligned: true);

    private static (Tensor Output, Tensor State, Tensor History) Run(
        KernelSet set, GuardedMemory memory, DeltaRuleShape shape, DeltaNetParameters weights, DeltaNetInputs inputs, int slots, params int[][] calls)
    {
        Shape states = shape.State(slots), pasts = new(slots, 3, shape.Channels);
        float scale = 1 / MathF.Sqrt(shape.KeyDim);
        Tensor state = memory.New("state", DType.F32, states, [.. SelfCases.Normal(86, states.Count).Select(x => x * scale)]);
        Tensor history = memory.New("history", DType.F32, pasts, SelfCases.Normal(87, pasts.Count));
        Tensor convolved = memory.New("convolved", DType.F32, new Shape(Rows, shape.Channels)), output = memory.New("output", DType.F32, new Shape(Rows, shape.ValueWidth));
        foreach (int[] call in calls)
        {
            // A launch has ended when its call returns, so states are settled.
            // A call with one row sees that row alone: segments hold all generated rows of a call.
            bool isAlone = call[Segments.Rows] == 1 && call.Length == Segments.Columns;
            int first = isAlone ? call[Segments.FirstRow] : 0, count = isAlone ? 1 : Rows;
            int[] own = [.. call];
            own[Segments.FirstRow] -= first;
            Tensor segments = memory.New("segments", new Shape(call.Length / Segments.Columns, Segments.Columns), own);
            var rows = new DeltaNetInputs(inputs.Qkv.Rows(first, count), inputs.Z.Rows(first, count), inputs.B.Rows(first, count), inputs.A.Rows(first, count));
            set.GeneratedDeltaNet.Run(
                shape, weights, rows, history, state, segments, convolved.Rows(first, count), output.Rows(first, count), isAlone ? 0 : Prompts, settled: true);
        }

        return (output, state, history);
    }

    // A call's segments, and those of the calls that do the same rows one by one.
    private sealed record Sequences(int Slots, int[] Together, int[][] Apart);
}
