using System.Runtime.InteropServices;
using System.Text;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>A norm, the router behind it and the choice in one launch, on the model of a card: the bits are those of the three.</summary>
public sealed class NormedRouterTests
{
    private const int Hidden = 2048, Place = 9;

    // Groups with all of their experts, with some, with none; sums beside the rows and, of many, in their place; an output that is no expert's, or none; a first norm.
    [Theory]
    [InlineData(1, 256, 1, 8, true, false, "router_rows_few")]
    [InlineData(2, 37, 1, 5, true, true, "router_rows_few")]
    [InlineData(2, 250, 0, 32, false, false, "router_rows_few")]
    [InlineData(2, 300, 1, 10, true, false, "router_rows_many")]
    [InlineData(3, 256, 1, 8, false, true, "router_rows_few")]
    [InlineData(4, 64, 1, 8, true, false, "router_rows_few")]
    [InlineData(8, 37, 1, 5, true, true, "router_rows_few")]
    [InlineData(5, 300, 0, 10, true, true, "router_rows_many")]
    public void A_norm_a_router_and_a_choice_in_one_launch_have_the_bits_of_three(int rows, int experts, int others, int topK, bool withDelta, bool inPlace, string kernel)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream, DType.BF16);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        RouterChoice expected = Choice(memory, "expected", rows, experts, others, topK), found = Choice(memory, "found", rows, experts, others, topK);
        Shape shape = new(rows, Hidden);
        float[] given = Rows(rows, experts);
        Tensor residual = memory.New("residual", DType.F32, shape, given), sum = memory.New("sum", DType.F32, shape, given);
        Tensor kept = inPlace ? residual : memory.New("kept", DType.F32, shape), delta = withDelta ? memory.New("delta", DType.F32, shape, SelfCases.Normal(2, shape.Count)) : default;
        Tensor norm = memory.New("norm", DType.F32, new Shape(Hidden), SelfCases.Normal(3, Hidden));
        int[] noted = [.. Enumerable.Range(0, rows).Select(row => experts == 37 ? row % 3 * 7 : 0)];
        Tensor expectedFaults = memory.New("expectedFaults", new Shape(rows), noted.AsSpan()[..rows]), faults = memory.New("faults", new Shape(rows), noted.AsSpan()[..rows]);
        Tensor expectedNormed = memory.New("expectedNormed", DType.F32, shape), normed = memory.New("normed", DType.F32, shape);
        set.AddRmsNorm.Run(sum, delta, norm, 1e-6f, expectedNormed, expectedFaults, Place);
        InThree(set, expectedNormed, expected);
        stream.Ran.Clear();
        set.NormedRouter!.Run(residual, delta, norm, 1e-6f, kept, normed, faults, Place, found);
        Assert.Equal(kernel, Assert.Single(stream.Ran));
        Assert.Null(memory.Fault());
        Assert.Equal(Bits(sum), Bits(kept));
        Assert.Equal(Bits(expectedNormed), Bits(normed));
        Assert.Equal(expectedFaults.AsSpan<int>(), faults.AsSpan<int>());
        Same(expected, found);
    }

    [Theory]
    [InlineData(1, 256, 1)]
    [InlineData(2, 33, 0)]
    [InlineData(7, 64, 1)]
    public void Rows_that_are_normed_are_multiplied_as_they_are(int rows, int experts, int others)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        RouterChoice expected = Choice(memory, "expected", rows, experts, others, 4), found = Choice(memory, "found", rows, experts, others, 4);
        Tensor x = memory.New("x", DType.F32, new Shape(rows, Hidden), SelfCases.Normal(1, (long)rows * Hidden));
        InThree(set, x, expected);
        set.NormedRouter!.Run(x, found);
        Assert.Null(memory.Fault());
        Same(expected, found);
    }

    [Theory]
    [InlineData("barrier.cluster.wait.acquire.aligned;")]
    [InlineData("mbarrier.try_wait.parity.shared::cta.b64 done,")]
    [InlineData("bar.sync\t0;")]
    [InlineData("cp.async.wait_group 0;")]
    public void The_model_sees_a_router_that_waits_too_little(string wait)
    {
        bool planted = false;
        int[] expected = Run(new PtxStream(MatrixUnits.WarpGroup));
        Assert.Equal(expected, Run(new PtxStream(MatrixUnits.WarpGroup) { IsLate = true }));
        Assert.ThrowsAny<Exception>(() => Assert.Equal(expected, Run(new PtxStream(MatrixUnits.WarpGroup) { IsLate = true, Change = Plant })));
        Assert.True(planted);

        int[] Run(PtxStream on)
        {
            using PtxStream stream = on;
            KernelSet set = DeviceKernelSet.Create(stream);
            using var memory = new GuardedMemory(set) { IsAligned = true };
            RouterChoice choice = Choice(memory, "found", 2, 40, 1, 4);
            set.NormedRouter!.Run(memory.New("x", DType.F32, new Shape(2, Hidden), SelfCases.Normal(1, 2 * Hidden)), choice);
            Assert.Null(memory.Fault());
            return [.. choice.Experts.AsSpan<int>(), .. Bits(choice.Weights)];
        }

        string Plant(string text)
        {
            planted = text.Contains(wait, StringComparison.Ordinal);
            return text.Replace(wait, wait[0] == 'm' ? "setp.ne.s32 done, 0," : "", StringComparison.Ordinal);
        }
    }

    // The model of a card runs groups one after the other, so it would not see a row that is written while others read it.
    [Theory]
    [InlineData("router_rows_few")]
    [InlineData("router_rows_many")]
    public void A_sum_goes_where_its_row_is_when_all_groups_have_read_that(string kernel)
    {
        string text = Encoding.UTF8.GetString(KernelArchive.Read("sm_90a", kernel + ".ptx"));
        int wait = text.IndexOf("griddepcontrol.wait", StringComparison.Ordinal), row = text.IndexOf("ld.global.v4", wait, StringComparison.Ordinal);
        int arrive = text.IndexOf("barrier.cluster.arrive.release", row, StringComparison.Ordinal), all = text.IndexOf("barrier.cluster.wait.acquire", arrive, StringComparison.Ordinal);
        Assert.InRange(wait, 0, row);
        Assert.InRange(arrive, row, all);
        Assert.DoesNotContain("ld.global.v4", text[arrive..all], StringComparison.Ordinal);
        Assert.Matches("(?s)ld\\.global\\.v4.*st\\.global\\.v4", text[all..]);
    }

    [Theory]
    [InlineData(MatrixUnits.Warp, 1, 0, 2048, 256, 257, 8)]
    [InlineData(MatrixUnits.WarpGroup, 9, 0, 2048, 256, 257, 8)]
    [InlineData(MatrixUnits.WarpGroup, 1, 1, 2048, 256, 257, 8)]
    [InlineData(MatrixUnits.WarpGroup, 1, 0, 2056, 256, 257, 8)]
    [InlineData(MatrixUnits.WarpGroup, 1, 0, 2048, 513, 513, 8)]
    [InlineData(MatrixUnits.WarpGroup, 1, 0, 2048, 256, 258, 8)]
    [InlineData(MatrixUnits.WarpGroup, 1, 0, 2048, 256, 257, 33)]
    public void What_has_no_such_launch_is_declined(object units, int rows, int prompts, int hidden, int experts, int outputs, int topK)
    {
        using var stream = new PtxStream((MatrixUnits)units);
        var weight = new LinearWeight(new Tensor(DType.BF16, new Shape(outputs, hidden), 1 << 20));
        Assert.NotEqual(true, DeviceKernelSet.Create(stream).NormedRouter?.Takes(rows, prompts, weight, experts, topK));
    }

    // Rows whose squares leave f32, one with a number that is none, one of zeros.
    private static float[] Rows(int rows, int experts)
    {
        float[] given = SelfCases.Normal(1, (long)rows * Hidden).ToArray();
        for (int i = 0; i < given.Length; i++)
        {
            given[i] = i / Hidden % 3 == 1 ? given[i] * 1e25f : i == 5 && experts == 250 ? float.PositiveInfinity : experts == 300 ? 0 : given[i];
        }

        return given;
    }

    // Some experts have the same weights, so that their logits are equal.
    private static RouterChoice Choice(GuardedMemory memory, string name, int rows, int experts, int others, int topK)
    {
        float[] values = SelfCases.Normal(4, (long)(experts + others) * Hidden).ToArray();
        for (int e = 0; e < experts; e += 7)
        {
            values.AsSpan(0, Hidden).CopyTo(values.AsSpan(e * Hidden));
        }

        var weight = new LinearWeight(memory.New(name + " weight", DType.BF16, new Shape(experts + others, Hidden), values));
        return new RouterChoice(
            weight, experts, Renormalise: others > 0, memory.New(name + " logits", DType.F32, new Shape(rows, experts + others + 3)).Columns(0, experts + others),
            memory.New(name + " experts", DType.I32, new Shape(rows, topK)), memory.New(name + " weights", DType.F32, new Shape(rows, topK)));
    }

    private static void InThree(KernelSet set, Tensor normed, in RouterChoice choice)
    {
        set.GateLinear.Run(normed, choice.Weight, choice.Logits, promptRows: 0);
        set.ExpertRouter.Run(choice.Logits.Columns(0, choice.Count), choice.Renormalise, choice.Experts, choice.Weights);
    }

    private static void Same(in RouterChoice expected, in RouterChoice found)
    {
        for (int row = 0; row < expected.Experts.Shape[0]; row++)
        {
            Assert.Equal(Bits(expected.Logits.Rows(row, 1)), Bits(found.Logits.Rows(row, 1)));
        }

        Assert.Equal(expected.Experts.AsSpan<int>(), found.Experts.AsSpan<int>());
        Assert.Equal(Bits(expected.Weights), Bits(found.Weights));
    }

    private static int[] Bits(in Tensor tensor) => MemoryMarshal.Cast<float, int>(tensor.AsSpan<float>()).ToArray();
}
