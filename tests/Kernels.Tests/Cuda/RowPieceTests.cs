using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>
/// Generated rows that go to the pieces of the product behind them, from the op down to the kernels' text, on the model of a card: the bits of a
/// launch of its own that makes those, whatever lay there before.
/// </summary>
public sealed class RowPieceTests
{
    private const int Outputs = 72;

    // Both kernels, with a value head for each key head and with two; tiles of every size, not full; two tiles.
    [Theory]
    [InlineData(2, 2, 9, 3, "delta_net_heads_single_pieces", DType.F32)]
    [InlineData(1, 2, 13, 3, "delta_net_heads_double_pieces", DType.BF16)]
    [InlineData(1, 2, 17, 3, "delta_net_heads_double_pieces", DType.F32)]
    [InlineData(1, 2, 64, 3, "delta_net_heads_double_pieces", DType.F32)]
    [InlineData(2, 2, 65, 3, "delta_net_heads_single_pieces", DType.BF16)]
    [InlineData(1, 2, 9, 132, "delta_net_columns_double_pieces", DType.F32)]
    [InlineData(2, 2, 13, 132, "delta_net_columns_single_pieces", DType.F32)]
    [InlineData(1, 2, 17, 132, "delta_net_columns_double_pieces", DType.BF16)]
    [InlineData(1, 2, 65, 132, "delta_net_columns_double_pieces", DType.F32)]
    public void A_delta_nets_rows_are_what_a_launch_of_its_own_makes_of_them(int keyHeads, int valueHeads, int rows, int processors, string kernel, DType activations)
    {
        var shape = new DeltaRuleShape(keyHeads, valueHeads, 128, 128);
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { Processors = processors };
        Check(stream, activations, rows, shape.ValueWidth, [kernel], (set, memory, output, pieces) => DeltaNet(set, memory, shape, rows, output, pieces));
    }

    // A block that heads do not fill has zeros behind them: those come from a launch of its own.
    [Fact]
    public void Heads_that_do_not_fill_a_block_keep_their_launch()
    {
        var shape = new DeltaRuleShape(1, 1, 128, 128);
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        Check(stream, DType.F32, 9, 128, ["delta_net_heads_single", "row_term_pieces"], (set, memory, output, pieces) => DeltaNet(set, memory, shape, 9, output, pieces));
    }

    // Every dimension; spans joined by all columns and by 64; one span alone.
    [Theory]
    [InlineData(2, 1, 256, 9, 3, 5, "columns256", null, DType.F32)]
    [InlineData(2, 1, 256, 13, 3, 300, "columns256", "columns256", DType.F32)]
    [InlineData(2, 1, 256, 17, 132, 300, "columns256", "columns64", DType.BF16)]
    [InlineData(4, 2, 128, 64, 3, 90, "columns128", null, DType.F32)]
    [InlineData(4, 1, 128, 65, 3, 300, "columns128", "columns64", DType.F32)]
    [InlineData(12, 2, 64, 17, 3, 300, "columns64", "columns64", DType.F32)]
    [InlineData(4, 1, 64, 130, 3, 70, "columns64", null, DType.BF16)]
    public void Attentions_rows_are_what_a_launch_of_its_own_makes_of_them(
        int heads, int kvHeads, int dim, int rows, int processors, int longest, string kernel, string? join, DType activations)
    {
        var shape = new AttentionShape(heads, kvHeads, dim);
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { Processors = processors };
        string[] expected = [$"paged_attention_rows_{kernel}_pieces", .. join is null ? Array.Empty<string>() : [$"paged_attention_rows_join_{join}_pieces"]];
        Check(stream, activations, rows, heads * dim, expected, (set, memory, output, pieces) => Attend(set, memory, shape, rows, longest, output, pieces));
    }

    // Kernels write and read as many pieces as the rows have: those of fewer rows would end before.
    [Fact]
    public void Pieces_of_other_rows_are_refused()
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsIdle = true };
        KernelSet set = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Tensor output = memory.New("output", DType.F32, new Shape(17, 256)), product = memory.New("product", DType.F32, new Shape(17, Outputs));
        Tensor fewer = set.NormedTerms!.Pieces(memory.New("pieces", DType.F32, new Shape(set.NormedTerms.PieceBytes(9, 256) / sizeof(float))), 9, 256);
        LinearWeight weight = Weight(memory, 256);
        Assert.True(set.Linear.TakesPieces(weight, 17));
        Action[] calls =
        [
            () => DeltaNet(set, memory, new DeltaRuleShape(1, 2, 128, 128), 17, output, fewer),
            () => Attend(set, memory, new AttentionShape(2, 1, 128), 17, 90, output, fewer),
            () => set.Linear.Run(output, weight, product, promptRows: 0, fewer),
        ];
        foreach (Action call in calls)
        {
            Assert.Contains("pieces of the rows, as many as there are", Assert.Throws<LaunchException>(call).Message, StringComparison.Ordinal);
        }
    }

    private static void Check(PtxStream stream, DType activations, int rows, int width, string[] kernels, Action<KernelSet, GuardedMemory, Tensor, Tensor> run)
    {
        // Products of so few outputs run in pieces where multiprocessors are few.
        using var small = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream, activations), reference = ReferenceKernels.Create(set.CacheType);
        Linear linear = DeviceKernelSet.Create(small, activations).Linear;
        using var memory = new GuardedMemory(set) { IsAligned = true };
        using var others = new GuardedMemory(reference) { IsAligned = true };
        LinearWeight weight = Weight(memory, width);
        Tensor x = memory.New("x", DType.F32, new Shape(rows, width)), expected = memory.New("expected", DType.F32, new Shape(rows, Outputs));
        run(set, memory, x, default);
        linear.Run(x, weight, expected, promptRows: 0);
        Assert.StartsWith("row_term_pieces", small.Ran[0], StringComparison.Ordinal);

        // What nobody has written reads as NaN, also where rows have ended.
        stream.Ran.Clear();
        NormedTerms maker = set.NormedTerms!;
        Assert.True(linear.TakesPieces(weight, rows));
        Tensor pieces = maker.Pieces(memory.New("pieces", DType.F32, new Shape(maker.PieceBytes(rows, width) / sizeof(float))), rows, width);
        Tensor room = memory.New("room", DType.F32, x.Shape), product = memory.New("product", DType.F32, expected.Shape);
        run(set, memory, room, pieces);
        Assert.Equal(kernels, stream.Ran);
        linear.Run(room, weight, product, promptRows: 0, pieces);
        Assert.Equal(expected.AsSpan<int>(), product.AsSpan<int>());
        Assert.Null(memory.Fault());

        Tensor exact = others.New("x", DType.F32, x.Shape), right = others.New("right", DType.F32, expected.Shape);
        run(reference, others, exact, default);
        reference.Linear.Run(exact, Weight(others, width), right, promptRows: 0);
        Assert.InRange(Compare.Distance(right.AsSpan<float>().ToArray(), product.AsSpan<float>().ToArray()), 0, activations == DType.BF16 ? 4e-3 : 2e-5);
    }

    private static LinearWeight Weight(GuardedMemory memory, int width) =>
        new(memory.New("weight", DType.BF16, new Shape(Outputs, width), SelfCases.Normal(8, (long)Outputs * width)));

    private static void DeltaNet(KernelSet set, GuardedMemory memory, DeltaRuleShape shape, int rows, Tensor output, Tensor pieces)
    {
        int width = shape.Channels + shape.ValueWidth + (2 * shape.ValueHeads), after = shape.Channels + shape.ValueWidth;
        Shape states = shape.State(rows), pasts = new(rows, 3, shape.Channels);
        Tensor projected = memory.New("projected", DType.F32, new Shape(rows, width), SelfCases.Normal(1, (long)rows * width));
        var weights = new DeltaNetParameters(
            memory.New("convolution", DType.F32, new Shape(shape.Channels, 4), SelfCases.Normal(2, shape.Channels * 4)),
            memory.New("decay", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(3, shape.ValueHeads)),
            memory.New("timeBias", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(4, shape.ValueHeads)),
            memory.New("norm", DType.F32, new Shape(128), SelfCases.Normal(5, 128)), 1e-6f);
        var inputs = new DeltaNetInputs(
            projected.Columns(0, shape.Channels), projected.Columns(shape.Channels, shape.ValueWidth), projected.Columns(after, shape.ValueHeads),
            projected.Columns(after + shape.ValueHeads, shape.ValueHeads));

        // A sequence of three rows before those of one, the last of which begins.
        int[] segments = [0, 3, 7, rows - 1, .. Enumerable.Range(3, rows - 3).SelectMany(i => (int[])[i, 1, i < rows - 1 ? i : 0, i - 3])];
        set.GeneratedDeltaNet.Run(
            shape, weights, inputs, memory.New("history", DType.F32, pasts, SelfCases.Normal(6, pasts.Count)),
            memory.New("state", DType.F32, states, [.. SelfCases.Normal(7, states.Count).ToArray().Select(static v => v / 8)]),
            memory.New("segments", new Shape(segments.Length / Segments.Columns, Segments.Columns), segments),
            memory.New("convolved", DType.F32, new Shape(rows, shape.Channels)), output, promptRows: 0, settled: false, pieces);
    }

    // Two prompts, neither of which fills a tile, and a generated row behind, which stays as it is.
    [Theory]
    [InlineData(64, DType.F32)]
    [InlineData(64, DType.BF16)]
    [InlineData(256, DType.F32)]
    public void A_prompts_attention_leaves_the_terms_of_what_it_gives(int dim, DType activations)
    {
        const int Rows = 31, Prompts = 30, Cells = 2;
        AttentionShape shape = new(5, 1, dim);
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream, activations);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape flat = new(Rows, shape.Heads * dim), keys = shape.KeyCache(3 * Cells), values = shape.ValueCache(3 * Cells);
        Tensor queries = memory.New("queries", DType.F32, flat, SelfCases.Normal(1, flat.Count)), projected = memory.New("projected", DType.F32, new Shape(Rows, shape.ProjectedWidth), SelfCases.Normal(2, Rows * shape.ProjectedWidth));
        Tensor keyCache = memory.New("keys", set.CacheType, keys, SelfCases.Normal(3, keys.Count)), valueCache = memory.New("values", set.CacheType, values, SelfCases.Normal(4, values.Count));
        Tensor segments = memory.New("segments", new Shape(3, Segments.Columns), [0, 27, 64, 0, 27, 3, 0, 1, 30, 1, 70, 2]), blocks = memory.New("blocks", new Shape(3, Cells), [0, 1, 2, 3, 4, 5]);
        Tensor output = memory.New("output", DType.F32, flat), rest = memory.New("rest", DType.F32, flat), terms = Terms("terms"), expected = Terms("expected");
        set.PagedAttention.Run(shape, queries, projected, keyCache, valueCache, segments, blocks, output, Prompts);
        new LinearMatrixUnits(stream, activations == DType.BF16).Split(output.Rows(0, Prompts), expected);
        stream.Ran.Clear();
        set.PagedAttention.Run(shape, queries, projected, keyCache, valueCache, segments, blocks, rest, Prompts, terms);
        Assert.DoesNotContain(stream.Ran, static k => k.StartsWith("activation_terms", StringComparison.Ordinal));
        Assert.Equal(expected.AsSpan<ushort>(), terms.AsSpan<ushort>());
        Assert.Equal(output.Rows(Prompts, 1).AsSpan<float>(), rest.Rows(Prompts, 1).AsSpan<float>());
        Assert.Null(memory.Fault());

        Tensor Terms(string name) =>
            set.NormedTerms!.Of(memory.New(name, DType.F32, new Shape(set.NormedTerms.Bytes(Prompts, flat[1]) / sizeof(float))), Prompts, flat[1]);
    }

    private static void Attend(KernelSet set, GuardedMemory memory, AttentionShape shape, int rows, int longest, Tensor output, Tensor pieces)
    {
        int cells = Grid.CellsFor(longest + 1);
        Shape keys = shape.KeyCache(cells), values = shape.ValueCache(cells), flat = new(rows, shape.Heads * shape.HeadDim);

        // Rows all over the longest context, which one of them sees.
        int[] segments = [.. Enumerable.Range(0, rows).SelectMany(i => (int[])[i, 1, longest - (i * 37 % (longest + 1)), i])];
        set.PagedAttention.Run(
            shape, memory.New("queries", DType.F32, flat, SelfCases.Normal(1, flat.Count)),
            memory.New("projected", DType.F32, new Shape(rows, shape.ProjectedWidth), SelfCases.Normal(2, (long)rows * shape.ProjectedWidth)),
            memory.New("keys", set.CacheType, keys, SelfCases.Normal(3, keys.Count)), memory.New("values", set.CacheType, values, SelfCases.Normal(4, values.Count)),
            memory.New("segments", new Shape(rows, Segments.Columns), segments),
            memory.New("blocks", new Shape(rows, cells), [.. Enumerable.Range(0, rows * cells).Select(i => i % cells)]), output, promptRows: 0, pieces);
    }
}
