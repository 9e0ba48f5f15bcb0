using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The self-test's calls of ops whose generated rows, and attention's of prompts, go to what the product behind them multiplies: the product of those, and how many of
/// its values differ from that of the rows themselves: none. Only devices that make such rows have these calls.
/// </summary>
internal static class PieceSelfCases
{
    // Sums of 4,096 products that tensor cores cut off, behind a state's and a context's.
    private const double Split = 4e-5;

    private const int Blocks = 31, Width = 24;

    // One row each: a sequence's first, both sides of a cell's and of a span's end, several spans.
    private static readonly int[] Positions = [0, 63, 64, 255, 256, 300, 1023, 1500];

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. DeltaNet(), .. Attention(), .. AttentionTerms()];

    // On clusters and in groups that stay; tiles of every number of rows, not full; heads that do not fill a block, and that no kernel takes.
    private static IEnumerable<SelfCase> DeltaNet() =>
        from call in ((DeltaRuleShape Shape, int Rows)[])[
            (new(16, 32, 128, 128), 9), (new(16, 32, 128, 128), 13), (new(2, 2, 128, 128), 17), (new(4, 8, 128, 128), 64), (new(4, 4, 128, 128), 65),
            (new(1, 1, 128, 128), 20), (new(2, 6, 16, 24), 12)]
        select new SelfCase("generated_delta_net", $"{call.Shape}, {call.Rows} rows to a product", Split, (set, memory) =>
        {
            (DeltaRuleShape shape, int rows) = call;
            int width = shape.Channels + shape.ValueWidth + (2 * shape.ValueHeads), after = shape.Channels + shape.ValueWidth;
            Tensor projected = memory.New("projected", DType.F32, new Shape(rows, width), SelfCases.Normal(131, (long)rows * width));
            var weights = new DeltaNetParameters(
                memory.New("convolution", DType.F32, new Shape(shape.Channels, 4), SelfCases.Normal(132, shape.Channels * 4)),
                memory.New("decay", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(133, shape.ValueHeads)),
                memory.New("timeBias", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(134, shape.ValueHeads)),
                memory.New("norm", DType.F32, new Shape(shape.ValueDim), SelfCases.Normal(135, shape.ValueDim)), 1e-6f);
            var inputs = new DeltaNetInputs(
                projected.Columns(0, shape.Channels), projected.Columns(shape.Channels, shape.ValueWidth), projected.Columns(after, shape.ValueHeads),
                projected.Columns(after + shape.ValueHeads, shape.ValueHeads));
            Tensor segments = memory.New("segments", new Shape(rows, Segments.Columns), [.. Enumerable.Range(0, rows).SelectMany(i => (int[])[i, 1, 3 * i, rows - 1 - i])]);
            return Results(set, memory, rows, shape.ValueWidth, (output, pieces) =>
            {
                Shape states = shape.State(rows), pasts = new(rows, 3, shape.Channels);
                float scale = 1 / MathF.Sqrt(shape.KeyDim);
                Tensor state = memory.New("state", DType.F32, states, [.. SelfCases.Normal(136, states.Count).Select(x => x * scale)]);
                Tensor history = memory.New("history", DType.F32, pasts, SelfCases.Normal(137, pasts.Count));
                set.GeneratedDeltaNet.Run(
                    shape, weights, inputs, history, state, segments, memory.New("convolved", DType.F32, new Shape(rows, shape.Channels)), output, promptRows: 0,
                    settled: true, pieces);
                return [state, history];
            });
        }, IsAligned: true, Has: static set => set.GeneratedDeltaNet.MakesPieces);

    private static IEnumerable<SelfCase> Attention() =>
        from call in ((AttentionShape Shape, int Rows)[])[
            (new(16, 2, 256), 9), (new(16, 2, 256), 64), (new(18, 2, 128), 17), (new(4, 1, 64), 65), (new(7, 1, 64), 13), (new(8, 1, 40), 10)]
        select new SelfCase("paged_attention", $"{call.Shape}, {call.Rows} rows to a product", Split, (set, memory) =>
        {
            (AttentionShape shape, int rows) = call;
            int width = shape.Heads * shape.HeadDim;
            Shape keys = shape.KeyCache(Blocks), values = shape.ValueCache(Blocks);
            Tensor queries = memory.New("queries", DType.F32, new Shape(rows, width), SelfCases.Normal(141, (long)rows * width));
            Tensor projected = memory.New("projected", DType.F32, new Shape(rows, shape.ProjectedWidth), SelfCases.Normal(142, (long)rows * shape.ProjectedWidth));
            Tensor keyCache = memory.New("keys", set.CacheType, keys, SelfCases.Normal(143, keys.Count)), valueCache = memory.New("values", set.CacheType, values, SelfCases.Normal(144, values.Count));
            Tensor blocks = memory.New("blocks", new Shape(rows, Width), [.. Enumerable.Range(0, rows * Width).Select(i => i * 7 % Blocks)]);
            Tensor segments = memory.New("segments", new Shape(rows, Segments.Columns), [.. Enumerable.Range(0, rows).SelectMany(i => (int[])[i, 1, Positions[i % Positions.Length], i])]);
            return Results(set, memory, rows, width, (output, pieces) =>
            {
                set.PagedAttention.Run(shape, queries, projected, keyCache, valueCache, segments, blocks, output, promptRows: 0, pieces);
                return [];
            });
        }, IsAligned: true, Has: static set => set.PagedAttention.MakesTerms);

    // Prompts whose rows fill no tile, two of them, and generated rows behind, which stay as they are.
    private static IEnumerable<SelfCase> AttentionTerms() =>
        from shape in (AttentionShape[])[new(16, 2, 256), new(18, 2, 128), new(4, 1, 64), new(8, 1, 40)]
        select new SelfCase("paged_attention", $"{shape}, prompts to a product", Split, (set, memory) =>
        {
            const int Rows = 92, Prompts = 90, Outputs = 536;
            int width = shape.Heads * shape.HeadDim, differences = 0;
            Shape keys = shape.KeyCache(Blocks), values = shape.ValueCache(Blocks);
            Tensor queries = memory.New("queries", DType.F32, new Shape(Rows, width), SelfCases.Normal(145, (long)Rows * width));
            Tensor projected = memory.New("projected", DType.F32, new Shape(Rows, shape.ProjectedWidth), SelfCases.Normal(146, (long)Rows * shape.ProjectedWidth));
            Tensor keyCache = memory.New("keys", set.CacheType, keys, SelfCases.Normal(147, keys.Count)), valueCache = memory.New("values", set.CacheType, values, SelfCases.Normal(148, values.Count));
            int[] segments = [0, 67, 64, 0, 67, 23, 0, 1, 90, 1, 70, 2, 91, 1, 3, 3];
            Tensor blocks = memory.New("blocks", new Shape(4, Width), [.. Enumerable.Range(0, 4 * Width).Select(i => i * 7 % Blocks)]);
            Tensor parts = memory.New("segments", new Shape(4, Segments.Columns), segments);
            var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(Outputs, width), SelfCases.Normal(149, (long)Outputs * width)));
            Tensor whole = memory.New("whole", DType.F32, new Shape(Rows, width)), room = memory.New("room", DType.F32, whole.Shape);
            Tensor expected = memory.New("expected", DType.F32, new Shape(Rows, Outputs)), output = memory.New("output", DType.F32, expected.Shape);
            set.PagedAttention.Run(shape, queries, projected, keyCache, valueCache, parts, blocks, whole, Prompts);
            set.Linear.Run(whole, weight, expected, Prompts);
            if (set.NormedTerms is { } maker && set.Linear.TakesTerms(weight))
            {
                Tensor terms = maker.Of(memory.New("terms", DType.F32, new Shape(maker.Bytes(Prompts, width) / sizeof(float))), Prompts, width);
                set.PagedAttention.Run(shape, queries, projected, keyCache, valueCache, parts, blocks, room, Prompts, terms);
                set.Linear.Run(room, weight, output, Prompts, terms);
                differences = SelfCases.Differences(expected, output) + SelfCases.Differences(whole.Rows(Prompts, Rows - Prompts), room.Rows(Prompts, Rows - Prompts));
            }

            return [expected, memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Rounded: 3e-3, Has: static set => set.PagedAttention.MakesTerms);

    // Outputs are as many as need more than half of a card's multiprocessors: else products take no pieces.
    private static Tensor[] Results(KernelSet set, GuardedMemory memory, int rows, int width, Func<Tensor, Tensor, Tensor[]> run)
    {
        int outputs = width < 2048 ? 4400 : 1200, differences = 0;
        var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(outputs, width), SelfCases.Normal(138, (long)outputs * width)));
        Tensor x = memory.New("x", DType.F32, new Shape(rows, width)), expected = memory.New("expected", DType.F32, new Shape(rows, outputs));
        Tensor[] left = run(x, default);
        set.Linear.Run(x, weight, expected, promptRows: 0);
        if (set.NormedTerms is { } maker && set.Linear.TakesPieces(weight, rows))
        {
            Tensor pieces = maker.Pieces(memory.New("pieces", DType.F32, new Shape(maker.PieceBytes(rows, width) / sizeof(float))), rows, width);
            Tensor room = memory.New("room", DType.F32, x.Shape), output = memory.New("output", DType.F32, expected.Shape);
            differences = left.Zip(run(room, pieces), SelfCases.Differences).Sum();
            set.Linear.Run(room, weight, output, promptRows: 0, pieces);
            differences += SelfCases.Differences(expected, output);
        }

        return [expected, .. left, memory.New("differences", new Shape(1), [differences])];
    }
}
