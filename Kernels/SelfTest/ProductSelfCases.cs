using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The self-test's calls of products as models make them: aligned, so that the kernels for matrix units run, and some
/// rows again alone, which must give the same bits.
/// </summary>
internal static class ProductSelfCases
{
    private const double F32 = 1e-5;

    private static readonly int[] RowCounts = [1, 2, 8, 9, 17, 33, 64, 130];

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. Linear(), .. ManyOutputs(), .. FewOutputs(), .. Grouped(), .. Mlp(), .. WideMlp(), .. PromptMlp(), .. EightBit()];

    private static IEnumerable<SelfCase> Linear() =>
        from shape in ((int Inputs, int Outputs)[])[(72, 24), (512, 130), (1024, 40), (2048, 70), (2056, 33), (264, 7200), (2056, 1100)]
        from rows in shape.Outputs == 1100 ? (int[])[33] : RowCounts
        from prompts in (int[])[0, rows]
        select new SelfCase("linear", $"bf16 aligned [{rows}, {shape.Inputs}] to {shape.Outputs}, {prompts} of prompts", F32, (set, memory) =>
        {
            Tensor x = memory.New("x", DType.F32, new Shape(rows, shape.Inputs), SelfCases.Normal(51, rows * shape.Inputs));
            var weight = new LinearWeight(memory.New(
                "weight", DType.BF16, new Shape(shape.Outputs, shape.Inputs), SelfCases.Normal(52, shape.Outputs * shape.Inputs)));
            Tensor output = memory.New("output", DType.F32, new Shape(rows, shape.Outputs)), alone = memory.New("alone", DType.F32, new Shape(1, shape.Outputs));
            set.Linear.Run(x, weight, output, prompts);
            return [output, Compare(memory, output, alone, row => set.Linear.Run(x.Rows(row, 1), weight, alone, int.Min(prompts, 1)))];
        }, IsAligned: true);

    // So many outputs that Hopper's groups, which stay, take several tiles of all slices.
    private static IEnumerable<SelfCase> ManyOutputs()
    {
        const int Rows = 33, Inputs = 72, Outputs = 34002;
        yield return new SelfCase("linear", $"bf16 aligned [{Rows}, {Inputs}] to {Outputs}, generated", F32, static (set, memory) =>
        {
            Tensor x = memory.New("x", DType.F32, new Shape(Rows, Inputs), SelfCases.Normal(67, Rows * Inputs));
            var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(Outputs, Inputs), SelfCases.Normal(68, Outputs * Inputs)));
            Tensor output = memory.New("output", DType.F32, new Shape(Rows, Outputs)), alone = memory.New("alone", DType.F32, new Shape(1, Outputs));
            set.Linear.Run(x, weight, output, promptRows: 0);
            return [output, Compare(memory, output, alone, row => set.Linear.Run(x.Rows(row, 1), weight, alone, promptRows: 0))];
        }, IsAligned: true, Has: static set => set.NormedTerms is not null);
    }

    // A router's prompt rows, which Hopper has a kernel for: so few that each slice of k has groups of its own, and so many
    // that a group adds up all of them.
    private static IEnumerable<SelfCase> FewOutputs() =>
        from shape in ((int Rows, int Inputs, int Outputs)[])[(70, 2048, 257), (6500, 1024, 20)]
        select new SelfCase("linear_slices", $"bf16 [{shape.Rows}, {shape.Inputs}] to {shape.Outputs}, aligned", F32, (set, memory) =>
        {
            (int rows, int inputs, int outputs) = shape;
            Tensor x = memory.New("x", DType.F32, new Shape(rows, inputs), SelfCases.Normal(63, rows * inputs));
            var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(outputs, inputs), SelfCases.Normal(64, outputs * inputs)));
            long stride = (outputs + 3) / 4 * 4;
            Tensor output = memory.New("output", DType.F32, new Shape(rows, stride)), alone = memory.New("alone", DType.F32, new Shape(1, stride));
            set.Linear.Run(x, weight, output.Columns(0, outputs), rows);
            return [output, Compare(memory, output, alone, row => set.Linear.Run(x.Rows(row, 1), weight, alone.Columns(0, outputs), 1))];
        }, IsAligned: true);

    private static IEnumerable<SelfCase> Grouped() =>
        from shape in ((int Hidden, int Width, int Experts, int TopK)[])[(72, 40, 40, 8), (512, 128, 12, 2), (2048, 24, 5, 3)]
        from rows in RowCounts
        from prompts in rows == 1 ? (int[])[0, 1] : [0, rows / 2, rows]
        select new SelfCase("grouped_experts", $"bf16 aligned [{rows}, {shape.Hidden}] by {shape.Width}, {shape.TopK} of {shape.Experts} experts, {prompts} of prompts", prompts > 0 ? 2 * F32 : F32, (set, memory) =>
        {
            (int hidden, int width, int experts, int topK) = shape;
            Shape pairs = new(rows, topK), both = new(experts, 2 * width, hidden), single = new(experts, hidden, width);
            Tensor x = memory.New("x", DType.F32, new Shape(rows, hidden), SelfCases.Normal(53, rows * hidden));
            Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * topK).Select(i => ((i / topK / 3 * 7) + (i % topK)) % experts)]);
            Tensor mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(54, pairs.Count)), output = memory.New("output", DType.F32, new Shape(rows, hidden));
            var weights = ExpertWeights.Fused(
                memory.New("gateUp", DType.BF16, both, SelfCases.Normal(55, both.Count)), memory.New("down", DType.BF16, single, SelfCases.Normal(56, single.Count)));
            Tensor scratch = memory.New("scratch", DType.I8, new Shape(long.Max(64, set.GroupedExperts.ScratchBytes(weights, rows, topK))));
            Tensor alone = memory.New("alone", DType.F32, new Shape(1, hidden));
            set.GroupedExperts.Run(x, weights, chosen, mix, scratch, output, prompts);
            return [output, Compare(memory, output, alone, row => set.GroupedExperts.Run(
                x.Rows(row, 1), weights, chosen.Rows(row, 1), mix.Rows(row, 1), scratch, alone, promptRows: row < prompts ? 1 : 0))];
        }, IsAligned: true, Rounded: prompts > 0 ? SelfCases.RoundedParts : 0);

    private static IEnumerable<SelfCase> Mlp() =>
        from shape in ((int Hidden, int Width)[])[(72, 40), (1024, 72), (2048, 24), (72, 2000)]
        from rows in shape.Width > 1000 ? (int[])[130] : RowCounts
        select Mlp(rows, shape.Hidden, shape.Width, isShared: true);

    // As large as Hopper's kernels for them: a shared expert whose groups have all their weights at once, a dense MLP that goes on in pieces.
    private static IEnumerable<SelfCase> WideMlp() =>
        from shape in ((int Rows, int Hidden, int Width, bool IsShared)[])
            [(20, 2048, 512, true), (64, 2048, 512, true), (9, 1032, 2048, false), (30, 1032, 2048, false), (50, 1032, 2048, false), (70, 1032, 2048, false), (33, 264, 8192, false)]
        select Mlp(shape.Rows, shape.Hidden, shape.Width, shape.IsShared) with { Has = static set => set.SummedNorm is not null };

    // So many rows that Hopper's groups, 132 of them, have tiles of 128 gates, of which the last is not full; a row alone has tiles of 64.
    private static IEnumerable<SelfCase> PromptMlp() => [Mlp(1000, 72, 2024, isShared: false, isPrompt: true) with { Has = static set => set.SummedNorm is not null }];

    private static SelfCase Mlp(int rows, int hidden, int width, bool isShared, bool isPrompt = false) =>
        new("gated_mlp", $"bf16 aligned [{rows}, {hidden}] by {width}{(isShared ? "" : ", dense")}{(isPrompt ? ", prompts" : "")}", isPrompt ? 2 * F32 : F32, (set, memory) =>
        {
            Shape full = new(rows, hidden), inner = new(width, hidden);
            Tensor x = memory.New("x", DType.F32, full, SelfCases.Normal(57, full.Count)), add = memory.New("add", DType.F32, full, SelfCases.Normal(58, full.Count));
            var gateUp = new LinearWeight(
                memory.New("gate", DType.BF16, inner, SelfCases.Normal(59, inner.Count)), memory.New("up", DType.BF16, inner, SelfCases.Normal(60, inner.Count)));
            var down = new LinearWeight(memory.New("down", DType.BF16, new Shape(hidden, width), SelfCases.Normal(61, inner.Count)));
            Tensor logit = memory.New("gateLogit", DType.F32, new Shape(rows, 1), SelfCases.Normal(62, rows));
            Tensor scratch = memory.New("scratch", DType.F32, new Shape(rows, 2 * width)), output = memory.New("output", DType.F32, full);
            Tensor alone = memory.New("alone", DType.F32, new Shape(1, hidden));
            Launch(0, rows, output);
            return [output, Compare(memory, output, alone, row => Launch(row, 1, alone))];

            void Launch(int first, int count, Tensor to) => set.GatedMlp.Run(
                x.Rows(first, count), gateUp, down, isShared ? logit.Rows(first, count) : default, isShared ? add.Rows(first, count) : default,
                scratch.Rows(0, count), to, isPrompt ? count : 0);
        }, IsAligned: true);

    // No tolerance: sums are of whole numbers.
    private static IEnumerable<SelfCase> EightBit() =>
        from shape in ((int Inputs, int Outputs)[])[(33, 19), (520, 70), (2048, 33)]
        from rows in RowCounts
        select new SelfCase("eight_bit_linear", $"[{rows}, {shape.Inputs}] to {shape.Outputs}", 0, (set, memory) =>
        {
            Tensor x = memory.New("x", DType.F32, new Shape(rows, shape.Inputs), SelfCases.Normal(65, rows * shape.Inputs));
            Tensor full = memory.New("weight", DType.BF16, new Shape(shape.Outputs, shape.Inputs), SelfCases.Normal(66, shape.Outputs * shape.Inputs));
            using var weight = new EightBitWeight(new LinearWeight(full));
            Tensor output = memory.New("output", DType.F32, new Shape(rows, shape.Outputs)), alone = memory.New("alone", DType.F32, new Shape(1, shape.Outputs));
            set.EightBitLinear!.Run(x, weight, output);
            return [output, Compare(memory, output, alone, row => set.EightBitLinear!.Run(x.Rows(row, 1), weight, alone))];
        }, Has: set => set.EightBitLinear is not null);

    // How many values of the first, a middle and the last row differ when the row is computed alone: none.
    internal static Tensor Compare(GuardedMemory memory, Tensor output, Tensor alone, Action<int> run)
    {
        int rows = (int)output.Shape[0];
        int[] differences = [0, rows / 2, rows - 1];
        for (int i = 0; i < differences.Length; i++)
        {
            int row = differences[i];
            run(row);
            ReadOnlySpan<int> batched = output.Rows(row, 1).AsSpan<int>(), single = alone.AsSpan<int>();
            differences[i] = 0;
            for (int n = 0; n < single.Length; n++)
            {
                differences[i] += batched[n] == single[n] ? 0 : 1;
            }
        }

        return memory.New("differences", new Shape(differences.Length), differences);
    }
}
