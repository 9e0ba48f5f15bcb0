using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of the delta rule, for both classes of rows.</summary>
internal static class DeltaRuleSelfCases
{
    private const double Allowed = 2e-5;

    // Keys and queries are one bf16 each on Hopper where a value head is a multiple of 64: off by 8e-4 in the mean square, outputs by 2.5e-3.
    private const double Rounded = 4e-3;

    private const int Slots = 4;

    private static readonly DeltaRuleShape[] Shapes = [new(1, 2, 8, 8), new(2, 4, 33, 17), new(1, 2, 128, 128)];

    // What runs on tensor cores.
    private static readonly DeltaRuleShape[] Aligned = [new(1, 2, 128, 128), new(2, 2, 128, 32), new(1, 3, 128, 64)];

    // First row, rows, position, slot: out of order, with rows and slots between them that belong to nobody.
    private static readonly int[][] Ragged = [[70, 1, 0, 2], [1, 67, 64, 0], [72, 130, 128, 3]];

    // More cells than are prepared at a time, of one sequence and of two that meet where the second time begins.
    private static readonly int[][] Long = [[0, 4000, 0, 1], [4001, 8300, 64, 2]];

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. Unaligned(), .. Aligned.Select(shape => OnTiles(shape, Ragged, "aligned")), OnTiles(new(1, 2, 128, 64), Long, "prepared in turns")];

    private static SelfCase OnTiles(DeltaRuleShape shape, int[][] segments, string name) => new(
        "gated_delta_rule_tiles", $"{shape}, {name}", Allowed, (set, memory) => Run(RowClass.Prompt, shape, set, memory, segments), IsAligned: true, Rounded: shape.ValueDim % 64 == 0 ? Rounded : 0);

    private static IEnumerable<SelfCase> Unaligned() =>
        from rowClass in (RowClass[])[RowClass.Prompt, RowClass.Generated]
        from shape in Shapes
        select new SelfCase($"gated_delta_rule, {(rowClass == RowClass.Prompt ? "prompt" : "generated")}", $"{shape}", Allowed, (set, memory) => Run(rowClass, shape, set, memory, Ragged));

    private static Tensor[] Run(RowClass rowClass, DeltaRuleShape shape, KernelSet set, GuardedMemory memory, int[][] sequences)
    {
        int rows = sequences.Max(s => s[0] + s[1]) + 1;
        Shape heads = new(rows, shape.ValueHeads), states = shape.State(Slots);
        Tensor convolved = memory.New("convolved", DType.F32, new Shape(rows, shape.Channels), SelfCases.Normal(11, rows * shape.Channels));
        Tensor b = memory.New("b", DType.F32, heads, SelfCases.Normal(12, heads.Count)), a = memory.New("a", DType.F32, heads, SelfCases.Normal(13, heads.Count));
        Tensor decay = memory.New("decay", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(14, shape.ValueHeads));
        Tensor timeBias = memory.New("timeBias", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(15, shape.ValueHeads));
        float scale = 1 / MathF.Sqrt(shape.KeyDim);
        Tensor state = memory.New("state", DType.F32, states, [.. SelfCases.Normal(16, states.Count).Select(x => x * scale)]);
        Tensor segments = memory.New("segments", new Shape(sequences.Length, Segments.Columns), [.. sequences.SelectMany(s => s)]);
        Tensor output = memory.New("output", DType.F32, new Shape(rows, shape.ValueWidth));
        GatedDeltaRule op = rowClass == RowClass.Prompt ? set.PromptDeltaRule : set.GeneratedDeltaRule;
        op.Run(shape, convolved, b, a, decay, timeBias, state, segments, output);
        return [output, state];
    }
}
