using System.Text.RegularExpressions;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>A Gated DeltaNet layer's generated rows by the kernels of each architecture: from the op down to the kernels' text, on the model of a card.</summary>
public sealed class GeneratedDeltaNetTests
{
    // A prompt's rows before the generated ones.
    private const int Prompts = 2;

    // Sequences that begin, that go on, that verify several rows; a prompt's rows before them, which nobody may touch.
    [Theory]
    [InlineData(1, 8, 3, "delta_net_rows")]
    [InlineData(2, 8, 3, "delta_net_rows")]
    [InlineData(1, 9, 3, "delta_net_heads")]
    [InlineData(2, 9, 3, "delta_net_heads")]
    [InlineData(1, 9, 132, "delta_net_columns")]
    [InlineData(2, 9, 132, "delta_net_columns")]
    public void A_delta_net_is_right_and_its_rows_have_the_same_bits_alone(int ratio, int architecture, int processors, string kernel)
    {
        var shape = new DeltaRuleShape(2, 2 * ratio, 128, 128);
        int[] segments = [2, 1, 7, 3, 3, 4, 12, 1, 7, 0, 5, 2, 7, 2, 0, 0];
        using var stream = new PtxStream(architecture == 9 ? MatrixUnits.WarpGroup : MatrixUnits.Warp) { Processors = processors };
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        using var memory = new GuardedMemory(kernels) { IsAligned = true };
        using var expectedMemory = new GuardedMemory(reference) { IsAligned = true };
        float[][] found = DeltaNet(kernels, memory, shape, segments), expected = DeltaNet(reference, expectedMemory, shape, segments);
        Assert.StartsWith(kernel, Assert.Single(stream.Ran), StringComparison.Ordinal);
        Assert.Equal(Enumerable.Repeat(-1, Prompts * shape.ValueWidth), found[0][..(Prompts * shape.ValueWidth)].Select(BitConverter.SingleToInt32Bits));
        Assert.InRange(Compare.Distance(expected[0][(Prompts * shape.ValueWidth)..], found[0][(Prompts * shape.ValueWidth)..]), 0, 3e-6);
        Assert.InRange(Compare.Distance(expected[1], found[1]), 0, 1e-6);
        Assert.Equal(expected[2], found[2]);

        // The four rows of the second sequence one by one.
        using var single = new GuardedMemory(kernels) { IsAligned = true };
        float[][] alone = DeltaNet(kernels, single, shape, [3, 1, 12, 1], [4, 1, 13, 1], [5, 1, 14, 1], [6, 1, 15, 1]);
        Assert.Equal(found[0][(3 * shape.ValueWidth)..(7 * shape.ValueWidth)], alone[0][(3 * shape.ValueWidth)..(7 * shape.ValueWidth)]);
        int size = shape.ValueHeads * 128 * 128, past = 3 * shape.Channels;
        Assert.Equal(found[1][size..(2 * size)], alone[1][size..(2 * size)]);
        Assert.Equal(found[2][past..(2 * past)], alone[2][past..(2 * past)]);
    }

    [Theory]
    [InlineData(1, 8, 3, "delta_net_rows")]
    [InlineData(2, 8, 3, "delta_net_rows")]
    [InlineData(1, 9, 3, "delta_net_heads")]
    [InlineData(2, 9, 3, "delta_net_heads")]
    [InlineData(1, 9, 132, "delta_net_columns")]
    [InlineData(2, 9, 132, "delta_net_columns")]
    public void Each_row_leaves_the_state_of_a_sequence_that_ends_there(int ratio, int architecture, int processors, string kernel)
    {
        using var stream = new PtxStream(architecture == 9 ? MatrixUnits.WarpGroup : MatrixUnits.Warp) { Processors = processors };
        Assert.Null(VersionedStates.Difference(DeviceKernelSet.Create(stream), new DeltaRuleShape(2, 2 * ratio, 128, 128)));
        Assert.StartsWith(kernel, stream.Ran[0], StringComparison.Ordinal);
        Assert.All(stream.Ran.Skip(1), k => Assert.StartsWith(architecture == 9 ? "delta_net_columns" : "delta_net_rows", k, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("barrier.cluster.arrive.release.aligned;")]
    [InlineData("barrier.cluster.wait.acquire.aligned;")]
    [InlineData("bar.sync\t0;")]
    [InlineData("bar.warp.sync 0xffffffff;")]
    [InlineData("cp.async.wait_group 0;")]
    public void The_model_sees_groups_of_a_cluster_that_wait_too_little(string wait) =>
        IsSeen("delta_net_columns_single", new DeltaRuleShape(1, 1, 128, 128), [2, 3, 12, 1], Regex.Escape(wait), "", which: null);

    // Four value heads a group, in three stages: one is filled again. Of the barriers of those who work each for itself,
    // but the last, behind which parts read each other's squares: the model's warps come there together.
    [Theory]
    [InlineData(@"mbarrier\.arrive\.expect_tx(\.shared::cta\.b64 state, \[[^]]+\]), [^;]+;", "mbarrier.arrive$1;", null)]
    [InlineData(@"cp\.async\.bulk\.wait_group\.read 1;", "", null)]
    [InlineData(@"bar\.sync %[^;]+;", "", 0)]
    [InlineData(@"bar\.sync %[^;]+;", "", 1)]
    public void The_model_sees_groups_of_whole_heads_that_wait_too_little(string from, string to, int? which) =>
        IsSeen("delta_net_heads_double", new DeltaRuleShape(1, 2, 128, 128), [2, 1, 7, 3, 3, 2, 12, 1, 5, 1, 4, 4, 6, 1, 3, 2, 7, 2, 0, 0], from, to, which);

    // Late copies change nothing; with all matches of a pattern replaced, or one of them, they do.
    private static void IsSeen(string kernel, DeltaRuleShape shape, int[] segments, string from, string to, int? which)
    {
        bool planted = false;
        float[][] expected = Run(new PtxStream(MatrixUnits.WarpGroup));
        Assert.Equal(expected, Run(new PtxStream(MatrixUnits.WarpGroup) { IsLate = true }));
        Assert.ThrowsAny<Exception>(() => Assert.Equal(expected, Run(new PtxStream(MatrixUnits.WarpGroup) { IsLate = true, Change = Plant })));
        Assert.True(planted);

        float[][] Run(PtxStream on)
        {
            using PtxStream stream = on;
            KernelSet kernels = DeviceKernelSet.Create(stream);
            using var memory = new GuardedMemory(kernels) { IsAligned = true };
            float[][] all = DeltaNet(kernels, memory, shape, segments);
            Assert.Equal(kernel, Assert.Single(stream.Ran));
            return all;
        }

        string Plant(string text)
        {
            int seen = 0;
            return Regex.Replace(text, from, match =>
            {
                bool isMeant = which is null || seen == which;
                seen++;
                planted |= isMeant;
                return isMeant ? match.Result(to) : match.Value;
            });
        }
    }

    private static float[][] DeltaNet(KernelSet set, GuardedMemory at, DeltaRuleShape shape, params int[][] calls)
    {
        const int Rows = 9, Slots = 5;
        int width = shape.Channels + shape.ValueWidth + (2 * shape.ValueHeads) + 3;
        Tensor projected = at.New("projected", DType.F32, new Shape(Rows, width), SelfCases.Normal(1, Rows * width));
        Tensor history = at.New("history", DType.F32, new Shape(Slots, 3, shape.Channels), SelfCases.Normal(2, Slots * 3 * shape.Channels));
        Shape states = shape.State(Slots);
        Tensor state = at.New("state", DType.F32, states, [.. SelfCases.Normal(3, states.Count).ToArray().Select(v => v / 8)]);
        Tensor convolved = at.New("convolved", DType.F32, new Shape(Rows, shape.Channels)), output = at.New("output", DType.F32, new Shape(Rows, shape.ValueWidth));
        var weights = new DeltaNetParameters(
            at.New("convolution", DType.F32, new Shape(shape.Channels, 4), SelfCases.Normal(4, shape.Channels * 4)),
            at.New("decay", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(5, shape.ValueHeads)),
            at.New("timeBias", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(6, shape.ValueHeads)),
            at.New("norm", DType.F32, new Shape(128), SelfCases.Normal(7, 128)), 1e-6f);
        int after = shape.Channels + shape.ValueWidth;
        var inputs = new DeltaNetInputs(
            projected.Columns(0, shape.Channels), projected.Columns(shape.Channels, shape.ValueWidth), projected.Columns(after, shape.ValueHeads),
            projected.Columns(after + shape.ValueHeads, shape.ValueHeads));
        foreach (int[] call in calls)
        {
            Tensor rows = at.New("segments", new Shape(call.Length / 4, 4), call);
            set.GeneratedDeltaNet.Run(shape, weights, inputs, history, state, rows, convolved, output, Prompts);
        }

        Assert.Null(at.Fault());
        return [output.AsSpan<float>().ToArray(), state.AsSpan<float>().ToArray(), history.AsSpan<float>().ToArray()];
    }
}
