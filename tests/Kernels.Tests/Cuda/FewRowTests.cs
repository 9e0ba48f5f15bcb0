using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Launches that save a decode step's time at few rows, on the model of a card: the bits are those of the launches that they replace.</summary>
public sealed class FewRowTests
{
    // Outputs for every line of warps or not for all, K that fills no block; slices that end in their second chunk, or are empty; one row or two that
    // make their terms once, on Hopper, and no more there. The last number is infinite: what stands for it beyond K, or in a slice that has none, must be zeros.
    [Theory]
    [InlineData(1, 48, 4096, "F32", "Warp", "linear_rows_whole_slices8x")]
    [InlineData(3, 41, 2056, "BF16", "WarpGroup", "linear_rows_whole_slices8x_rounded")]
    [InlineData(4, 48, 4096, "F32", "WarpGroup", "linear_rows_whole_slices8x")]
    [InlineData(3, 41, 2056, "BF16", "Warp", "linear_rows_whole_slices8x_rounded")]
    [InlineData(5, 41, 2056, "BF16", "WarpGroup", "linear_rows_whole_slices8x_rounded")]
    [InlineData(8, 190, 1000, "F32", "WarpGroup", "linear_rows_whole_slices2x")]
    [InlineData(2, 20, 1000, "BF16", "Warp", "linear_rows_whole_slices2x_rounded")]
    [InlineData(1, 48, 4096, "F32", "WarpGroup", "linear_rows_two_slices8x")]
    [InlineData(2, 41, 2056, "F32", "WarpGroup", "linear_rows_two_slices8x")]
    [InlineData(1, 41, 2056, "BF16", "WarpGroup", "linear_rows_two_slices8x_rounded")]
    [InlineData(2, 47, 4088, "BF16", "WarpGroup", "linear_rows_two_slices8x_rounded")]
    [InlineData(2, 190, 1000, "F32", "WarpGroup", "linear_rows_two_slices2x")]
    [InlineData(2, 20, 1000, "BF16", "WarpGroup", "linear_rows_two_slices2x_rounded")]
    [InlineData(1, 2, 520, "BF16", "WarpGroup", "linear_rows_two_slices2x_rounded")]
    public void Outputs_whose_weights_are_asked_for_at_once_have_the_same_bits(int rows, int outputs, int inputs, string activations, string units, string kernel)
    {
        DType type = Enum.Parse<DType>(activations);
        using var stream = new PtxStream(Enum.Parse<MatrixUnits>(units));
        KernelSet kernels = DeviceKernelSet.Create(stream, type);
        RowLaunches launches = type == DType.BF16 ? new RoundedRowLaunches(stream) : new SplitRowLaunches(stream);
        using var memory = new GuardedMemory(kernels) { IsAligned = true };
        float[] given = SelfCases.Normal(1, rows * inputs).ToArray();
        given[^1] = type == DType.BF16 ? float.PositiveInfinity : given[^1];
        Tensor x = memory.New("x", DType.F32, new Shape(rows, inputs), given);
        Tensor weight = memory.New("weight", DType.BF16, new Shape(outputs, inputs), SelfCases.Normal(2, outputs * inputs));
        Tensor expected = memory.New("expected", DType.F32, new Shape(rows, outputs)), found = memory.New("found", DType.F32, new Shape(rows, outputs));
        kernels.Linear.Run(x, new LinearWeight(weight), found, promptRows: 0);
        Assert.Equal(kernel, Assert.Single(stream.Ran));
        launches.Few(RowUnits.Slices(inputs), x, weight, default, default, expected, 8, 1, int.Min(outputs, 2 * stream.Multiprocessors));
        Assert.StartsWith("linear_rows_few", stream.Ran[1], StringComparison.Ordinal);
        Assert.Null(memory.Fault());
        Assert.Equal(Bits(expected), Bits(found));
        Assert.DoesNotContain(found.AsSpan<float>().ToArray(), float.IsNaN);
    }

    // Rows hear nothing of another, of which a number is none.
    [Theory]
    [InlineData(2, 4096, "linear_rows_two")]
    [InlineData(2, 1000, "linear_rows_two")]
    [InlineData(4, 4096, "linear_rows_whole")]
    [InlineData(3, 1000, "linear_rows_whole")]
    public void A_row_is_the_same_beside_another_as_alone(int rows, int inputs, string kernel)
    {
        const int Outputs = 40;
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet kernels = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(kernels) { IsAligned = true };
        float[] given = SelfCases.Normal(1, rows * inputs).ToArray();
        given[inputs + 7] = float.NaN;
        Tensor x = memory.New("x", DType.F32, new Shape(rows, inputs), given);
        var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(Outputs, inputs), SelfCases.Normal(2, Outputs * inputs)));
        Tensor alone = memory.New("alone", DType.F32, new Shape(1, Outputs)), all = memory.New("all", DType.F32, new Shape(rows, Outputs));
        kernels.Linear.Run(x, weight, all, promptRows: 0);
        Assert.StartsWith(kernel, Assert.Single(stream.Ran), StringComparison.Ordinal);
        for (int row = 0; row < rows; row++)
        {
            kernels.Linear.Run(x.Rows(row, 1), weight, alone, promptRows: 0);
            Assert.Equal(row == 1, Bits(alone).Any(static v => float.IsNaN(BitConverter.Int32BitsToSingle(v))));
            Assert.Equal(Bits(alone), Bits(all.Rows(row, 1)));
        }
    }

    // Tiles of one, two, four and eight rows, the last one full or not; shares of outputs that are even or not; more rows than fit.
    [Theory]
    [InlineData(9, 17, 2048, 10, "linear_rows_few_slices8x")]
    [InlineData(9, 17, 264, 10, "linear_rows_few_slices2x")]
    [InlineData(13, 70, 264, 8, "linear_rows_few_slices2x")]
    [InlineData(17, 17, 2056, 8, "linear_rows_few_slices8x")]
    [InlineData(30, 20, 1032, 8, "linear_rows_few_slices4x")]
    [InlineData(65, 17, 264, 4, "linear_rows_wide_sixteen_slices2x")]
    public void Tiles_of_rows_of_few_outputs_have_the_same_bits(int rows, int outputs, int inputs, int processors, string kernel)
    {
        using var stream = new PtxStream(MatrixUnits.Warp) { Processors = processors };
        using var other = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(kernels) { IsAligned = true };
        Shape full = new(rows, outputs);
        Tensor x = memory.New("x", DType.F32, new Shape(rows, inputs), SelfCases.Normal(1, rows * inputs));
        Tensor weight = memory.New("weight", DType.BF16, new Shape(outputs, inputs), SelfCases.Normal(2, outputs * inputs));
        Tensor gate = memory.New("gate", DType.F32, new Shape(rows, 1), SelfCases.Normal(3, rows)), add = memory.New("add", DType.F32, full, SelfCases.Normal(4, full.Count));
        Tensor found = memory.New("found", DType.F32, full), expected = memory.New("expected", DType.F32, full);
        foreach (bool isGated in (bool[])[false, true])
        {
            new RowUnits(stream).Linear(x, weight, isGated ? gate : default, isGated ? add : default, found);
            new RowUnits(other).Linear(x, weight, isGated ? gate : default, isGated ? add : default, expected);
            Assert.Equal(Bits(expected), Bits(found));
        }

        Assert.Equal([kernel, kernel], stream.Ran);
        Assert.DoesNotContain(other.Ran, k => k.StartsWith("linear_rows_few", StringComparison.Ordinal));
        Assert.Null(memory.Fault());
    }

    [Theory]
    [InlineData(49, 4096)]
    [InlineData(8, 4104)]
    [InlineData(8, 1024)]
    [InlineData(8, 2048)]
    public void Outputs_without_room_are_declined(int outputs, int inputs)
    {
        using var stream = new PtxStream(MatrixUnits.Warp);
        var weight = new Tensor(DType.BF16, new Shape(outputs, inputs), 1 << 20);
        var x = new Tensor(DType.F32, new Shape(1, inputs), 1 << 20);
        Assert.False(new RowUnits(stream).TryWhole(x, weight, new Tensor(DType.F32, new Shape(1, outputs), 1 << 20)));
        Assert.Empty(stream.Ran);
    }

    // Units of outputs that are full or not, for every group or not; a first norm; a row whose squares leave f32, one with a number that is none.
    [Theory]
    [InlineData(1, 5, true, "F32", "Warp", "linear_rows_normed")]
    [InlineData(2, 230, true, "F32", "Warp", "linear_rows_normed")]
    [InlineData(2, 100, false, "BF16", "Warp", "linear_rows_normed_rounded")]
    [InlineData(3, 100, true, "F32", "WarpGroup", "linear_rows_normed_four")]
    [InlineData(4, 230, false, "F32", "WarpGroup", "linear_rows_normed_four")]
    [InlineData(4, 5, true, "BF16", "WarpGroup", "linear_rows_normed_four_rounded")]
    [InlineData(3, 4, true, "BF16", "WarpGroup", "linear_rows_normed_four_rounded")]
    public void A_norm_and_a_product_in_one_launch_have_the_bits_of_two(int rows, int outputs, bool withDelta, string activations, string units, string kernel)
    {
        const int Hidden = 2048, Place = 9;
        DType type = Enum.Parse<DType>(activations);
        string rounded = type == DType.BF16 ? "_rounded" : "";
        using var stream = new PtxStream(Enum.Parse<MatrixUnits>(units));
        KernelSet kernels = DeviceKernelSet.Create(stream, type);
        using var memory = new GuardedMemory(kernels) { IsAligned = true };
        Shape shape = new(rows, Hidden);
        float[] given = SelfCases.Normal(1, shape.Count).ToArray();
        for (int i = 0; i < given.Length; i++)
        {
            given[i] = i / Hidden == 1 ? given[i] * 1e25f : i == 5 && outputs == 100 ? float.PositiveInfinity : given[i];
        }

        int[] noted = [0, 7, 0, 5];
        Tensor residual = memory.New("residual", DType.F32, shape, given), sum = memory.New("sum", DType.F32, shape, given), kept = memory.New("kept", DType.F32, shape);
        Tensor delta = withDelta ? memory.New("delta", DType.F32, shape, SelfCases.Normal(2, shape.Count)) : default;
        Tensor norm = memory.New("norm", DType.F32, new Shape(Hidden), SelfCases.Normal(3, Hidden));
        var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(outputs, Hidden), SelfCases.Normal(4, (long)outputs * Hidden)));
        Tensor expectedFaults = memory.New("expectedFaults", new Shape(rows), noted.AsSpan()[..rows]), faults = memory.New("faults", new Shape(rows), noted.AsSpan()[..rows]);
        Tensor expectedNormed = memory.New("expectedNormed", DType.F32, shape), normed = memory.New("normed", DType.F32, shape);
        Tensor expected = memory.New("expected", DType.F32, new Shape(rows, outputs)), found = memory.New("found", DType.F32, new Shape(rows, outputs + 3)).Columns(0, outputs);
        kernels.AddRmsNorm.Run(sum, delta, norm, 1e-6f, expectedNormed, expectedFaults, Place);
        kernels.Linear.Run(expectedNormed, weight, expected, promptRows: 0);
        kernels.NormedLinear!.Run(residual, delta, norm, 1e-6f, kept, normed, faults, Place, weight, found);
        Assert.Equal(["add_rms_norm_row_narrow", "linear_rows_few_slices8x" + rounded, kernel], stream.Ran);
        Assert.Null(memory.Fault());
        Assert.Equal(Bits(sum), Bits(kept));
        Assert.Equal(Bits(expectedNormed), Bits(normed));
        Assert.Equal(expectedFaults.AsSpan<int>(), faults.AsSpan<int>());
        for (int row = 0; row < rows; row++)
        {
            Assert.Equal(Bits(expected.Rows(row, 1)), Bits(found.Rows(row, 1)));
        }
    }

    // More slots than places, as many places as give fewer by expert, experts without rows and with more than a tile's; a rank's part of them.
    [Theory]
    [InlineData(9, 5, 2, 0, 5, 72, 40)]
    [InlineData(40, 7, 3, 2, 3, 72, 136)]
    [InlineData(11, 3, 2, 0, 3, 2048, 16)]
    public void Tiles_by_expert_and_weights_asked_for_change_no_bit(int rows, int experts, int topK, int firstHere, int here, int hidden, int width)
    {
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(kernels) { IsAligned = true };
        var launches = new SplitRowLaunches(stream);
        Shape pairs = new(rows, topK), both = new(here, width, hidden), single = new(here, hidden, width), entries = new(rows * topK);
        Tensor x = memory.New("x", DType.F32, new Shape(rows, hidden), SelfCases.Normal(1, rows * hidden));
        Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * topK).Select(i => ((i / topK % 3) + (i % topK)) % experts)]);
        Tensor gate = memory.New("gate", DType.BF16, both, SelfCases.Normal(3, both.Count)), up = memory.New("up", DType.BF16, both, SelfCases.Normal(4, both.Count));
        Tensor down = memory.New("down", DType.BF16, single, SelfCases.Normal(5, single.Count));
        Tensor mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(2, pairs.Count)), counts = memory.New("counts", DType.I32, new Shape(here));
        int[] Run(bool byExpert, int later)
        {
            string name = $"{byExpert} {later}";
            Tensor places = memory.New("places " + name, DType.I32, pairs), order = memory.New("order " + name, DType.I32, entries);
            Tensor tiles = memory.New("tiles " + name, DType.I32, new Shape(byExpert ? (rows * topK / 8) + here : rows * topK, 3));
            Tensor inner = memory.New("inner " + name, DType.F32, new Shape(entries.Count, width)), parts = memory.New("parts " + name, DType.F32, new Shape(entries.Count, hidden));
            Tensor output = memory.New("output " + name, DType.F32, new Shape(rows, hidden));
            if (byExpert)
            {
                ExpertsSortEightByExpertLauncher.Launch(stream, chosen, places, order, tiles, counts, firstHere);
            }
            else
            {
                ExpertsSortEightLauncher.Launch(stream, chosen, places, order, tiles, counts, firstHere);
            }

            Tensor gates = gate.Reshape(new Shape(here, width * hidden)), ups = up.Reshape(new Shape(here, width * hidden)), downs = down.Reshape(new Shape(here, hidden * width));
            int count = (int)tiles.Shape[0], slices = RowUnits.Slices(hidden), line = 8 / slices * 16;
            launches.ExpertGateUp(slices, x, inner, order, tiles, gates, ups, count, later, count * ((width + line - 1) / line));
            launches.ExpertDown(2, inner, parts, tiles, downs, count, later, count * ((hidden + 63) / 64));
            ExpertsCombineLauncher.Launch(stream, places, mix, parts, output);
            Assert.Null(memory.Fault());
            return Bits(output);
        }

        int[] expected = Run(byExpert: false, later: 0);
        Assert.Equal(expected, Run(byExpert: true, later: 2));
    }

    // The op takes what gives fewer tiles.
    [Theory]
    [InlineData(12, "experts_sort_eight_by_expert")]
    [InlineData(48, "experts_sort_eight")]
    public void Tiles_are_counted_by_expert_where_that_gives_fewer(int experts, string kernel)
    {
        const int Hidden = 72, Width = 40, Rows = 9, TopK = 5;
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        float[] found = Run(kernels), expected = Run(reference);
        Assert.Equal(kernel, stream.Ran[0]);
        Assert.Equal(0, expected.Zip(found, static (e, f) => Math.Abs(e - f)).Max() / expected.Max(), 1e-5);

        float[] Run(KernelSet set)
        {
            using var memory = new GuardedMemory(set) { IsAligned = true };
            Shape both = new(experts, 2 * Width, Hidden), single = new(experts, Hidden, Width), pairs = new(Rows, TopK);
            var weights = ExpertWeights.Fused(
                memory.New("gateUp", DType.BF16, both, SelfCases.Normal(3, both.Count)), memory.New("down", DType.BF16, single, SelfCases.Normal(4, single.Count)));
            Tensor x = memory.New("x", DType.F32, new Shape(Rows, Hidden), SelfCases.Normal(1, Rows * Hidden)), output = memory.New("output", DType.F32, new Shape(Rows, Hidden));
            Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, Rows * TopK).Select(i => ((i / TopK) + (i % TopK)) % experts)]);
            Tensor scratch = memory.New("scratch", DType.I8, new Shape(set.GroupedExperts.ScratchBytes(weights, Rows, TopK)));
            set.GroupedExperts.Run(x, weights, chosen, memory.New("mix", DType.F32, pairs, SelfCases.Normal(2, pairs.Count)), scratch, output, promptRows: 0);
            Assert.Null(memory.Fault());
            return output.AsSpan<float>().ToArray();
        }
    }

    // Sequences that begin, that go on, that verify rows; states in the slots of their rows.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void States_that_are_read_early_are_the_same(int ratio)
    {
        const int Rows = 7, Slots = 6;
        var shape = new DeltaRuleShape(2, 2 * ratio, 128, 128);
        using var stream = new PtxStream(MatrixUnits.Warp);
        using var memory = new GuardedMemory(DeviceKernelSet.Create(stream)) { IsAligned = true };
        int width = shape.Channels + shape.ValueWidth + (2 * shape.ValueHeads), after = shape.Channels + shape.ValueWidth;
        Tensor projected = memory.New("projected", DType.F32, new Shape(Rows, width), SelfCases.Normal(1, Rows * width));
        Tensor convolution = memory.New("convolution", DType.F32, new Shape(shape.Channels, 4), SelfCases.Normal(4, shape.Channels * 4));
        Tensor decay = memory.New("decay", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(5, shape.ValueHeads));
        Tensor timeBias = memory.New("timeBias", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(6, shape.ValueHeads));
        Tensor norm = memory.New("norm", DType.F32, new Shape(128), SelfCases.Normal(7, 128));
        Tensor segments = memory.New("segments", new Shape(3, 6), [0, 1, 7, 3, 3, 0, 1, 4, 12, 1, 4, 0, 5, 2, 0, 0, 0, 1]);
        (int[], int[], int[]) Run(int settled, int ahead)
        {
            string name = $"{settled} {ahead}";
            Tensor output = memory.New("output " + name, DType.F32, new Shape(Rows, shape.ValueWidth));
            Tensor state = memory.New("state " + name, DType.F32, shape.State(Slots), SelfCases.Normal(2, shape.State(Slots).Count));
            Tensor history = memory.New("history " + name, DType.F32, new Shape(Slots, 3, shape.Channels), SelfCases.Normal(3, Slots * 3 * shape.Channels));
            Tensor qkv = projected.Columns(0, shape.Channels), z = projected.Columns(shape.Channels, shape.ValueWidth);
            Tensor b = projected.Columns(after, shape.ValueHeads), a = projected.Columns(after + shape.ValueHeads, shape.ValueHeads);
            if (ratio == 1)
            {
                DeltaNetRowsSingleLauncher.Launch(stream, qkv, b, a, z, convolution, history, decay, timeBias, norm, state, segments, output, 1e-6f, settled, ahead, 6);
            }
            else
            {
                DeltaNetRowsDoubleLauncher.Launch(stream, qkv, b, a, z, convolution, history, decay, timeBias, norm, state, segments, output, 1e-6f, settled, ahead, 6);
            }

            Assert.Null(memory.Fault());
            return (Bits(output), Bits(state), Bits(history));
        }

        (int[] output, int[] state, int[] history) = Run(0, 0);
        (int[] early, int[] earlyState, int[] earlyHistory) = Run(1, 2);
        Assert.Equal(output, early);
        Assert.Equal(state, earlyState);
        Assert.Equal(history, earlyHistory);
    }

    private static int[] Bits(in Tensor tensor) => MemoryMarshal.Cast<float, int>(tensor.AsSpan<float>()).ToArray();
}
