using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Generated rows of an MLP on Hopper, from the op down to the kernels' text, on the model of a card: the bits are those of cards before.</summary>
public sealed class GeneratedMlpTests
{
    // Eight gates a group and sixteen, eight rows and sixteen; last groups and last rows that are not full, a group whose second eight gates are not there.
    [Theory]
    [InlineData(1, 24, 132, "eight", DType.F32)]
    [InlineData(9, 24, 6, "eight", DType.F32)]
    [InlineData(13, 40, 6, "eight_twice", DType.F32)]
    [InlineData(9, 24, 4, "eight_twice_rounded", DType.BF16)]
    [InlineData(21, 40, 6, "many", DType.F32)]
    [InlineData(17, 24, 4, "sixteen_twice_rounded", DType.BF16)]
    public void Gates_whose_weights_are_asked_for_at_once_have_the_same_bits(int rows, int width, int processors, string kernel, DType activations)
    {
        float[] found = Check(rows, 2048, width, processors, activations, shared: true, out List<string> ran);
        Assert.Equal("gate_up_rows_whole_" + kernel, ran[0]);
        Assert.Equal(2048 * rows, found.Length);
    }

    // Tiles of every size of rows, not full; of 64, 48 and 32 gates, the last one not full; down's slices joined or not; two tiles of rows.
    [Theory]
    [InlineData(9, 72, 256, 3, "sixteen", DType.F32)]
    [InlineData(16, 2056, 256, 4, "sixteen", DType.F32)]
    [InlineData(17, 136, 256, 8, "thirtytwo", DType.F32)]
    [InlineData(33, 1032, 512, 3, "sixtyfour", DType.F32)]
    [InlineData(70, 72, 256, 3, "hundredtwentyeight", DType.F32)]
    [InlineData(130, 72, 256, 3, "hundredtwentyeight", DType.F32)]
    [InlineData(12, 72, 256, 3, "sixteen_rounded", DType.BF16)]
    [InlineData(20, 136, 256, 8, "thirtytwo_rounded", DType.BF16)]
    [InlineData(64, 72, 512, 4, "sixtyfour_rounded", DType.BF16)]
    [InlineData(70, 72, 256, 3, "hundredtwentyeight_rounded", DType.BF16)]
    public void Many_gates_leave_the_pieces_of_down(int rows, int hidden, int width, int processors, string kernel, DType activations)
    {
        Check(rows, hidden, width, processors, activations, shared: false, out List<string> ran);
        string rounded = activations == DType.BF16 ? "_rounded" : "";
        Assert.Equal(["row_term_pieces" + rounded, "gate_up_rows_warpgroup_" + kernel, "linear_rows_warpgroup_" + kernel], ran.Take(3));
    }

    // What is added, and gates that fill no block of pieces, keep the kernels before.
    [Theory]
    [InlineData(256, true)]
    [InlineData(264, false)]
    public void Other_MLPs_go_on_in_numbers(int width, bool shared)
    {
        Check(9, 72, width, processors: 3, DType.F32, shared, out List<string> ran);
        Assert.StartsWith("gate_up_rows_sixteen", ran[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_behind_a_prompts_have_the_same_bits()
    {
        const int Prompt = 3, Hidden = 72;
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream);
        float[] mixed = Run(set, 12, Hidden, 256, shared: false, 0, 12, Prompt);
        Assert.Contains("gate_up_rows_warpgroup_sixteen", stream.Ran);
        Assert.Equal(Run(set, 12, Hidden, 256, shared: false, Prompt, 9), mixed[(Prompt * Hidden)..]);
        Assert.Equal(Run(set, 12, Hidden, 256, shared: false, 0, Prompt, Prompt), mixed[..(Prompt * Hidden)]);
    }

    [Theory]
    [InlineData("gate_up_rows_whole_eight_twice", "cp.async.wait_group 0;", "")]
    [InlineData("gate_up_rows_warpgroup_sixteen", "mbarrier.arrive.expect_tx.shared::cta.b64 state, [", "mbarrier.arrive.shared::cta.b64 state, [")]
    [InlineData("gate_up_rows_warpgroup_sixteen", "wgmma.wait_group.sync.aligned 0;", "")]
    public void The_model_sees_what_waits_too_little(string kernel, string from, string to)
    {
        bool whole = kernel.Contains("whole", StringComparison.Ordinal);
        (int hidden, int width, int processors) = whole ? (2048, 24, 4) : (264, 256, 3);
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { Processors = processors, IsLate = true };
        float[] right = Run(DeviceKernelSet.Create(stream), 9, hidden, width, whole, 0, 9);
        Assert.Contains(kernel, stream.Ran);
        int changed = 0;
        using var planted = new PtxStream(MatrixUnits.WarpGroup)
        {
            Processors = processors,
            IsLate = true,
            Change = text =>
            {
                bool isIt = text.Contains($".entry {kernel}", StringComparison.Ordinal) && text.Contains(from, StringComparison.Ordinal);
                changed += isIt ? 1 : 0;
                return isIt ? text.Replace(from, to, StringComparison.Ordinal) : text;
            },
        };

        Assert.ThrowsAny<Exception>(() => Assert.Equal(right, Run(DeviceKernelSet.Create(planted), 9, hidden, width, whole, 0, 9)));
        Assert.Equal(1, changed);
    }

    private static float[] Check(int rows, int hidden, int width, int processors, DType activations, bool shared, out List<string> ran)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { Processors = processors };
        using var other = new PtxStream(MatrixUnits.Warp) { Processors = processors };
        KernelSet set = DeviceKernelSet.Create(stream, activations);
        float[] found = Run(set, rows, hidden, width, shared, 0, rows);
        ran = [.. stream.Ran];
        Assert.Equal(Run(DeviceKernelSet.Create(other, activations), rows, hidden, width, shared, 0, rows), found);
        Assert.DoesNotContain(other.Ran, static k => k.Contains("whole", StringComparison.Ordinal) || k.Contains("warpgroup", StringComparison.Ordinal));
        Assert.Equal(Run(set, rows, hidden, width, shared, rows - 1, 1), found[((rows - 1) * hidden)..]);
        Assert.InRange(Compare.Distance(Run(ReferenceKernels.Create(set.CacheType), rows, hidden, width, shared, 0, rows), found), 0, activations == DType.BF16 ? 4e-3 : 1e-5);
        return found;
    }

    private static float[] Run(KernelSet kernels, int rows, int hidden, int width, bool shared, int first, int count, int promptRows = 0)
    {
        using var memory = new GuardedMemory(kernels) { IsAligned = true };
        Shape full = new(rows, hidden), inner = new(width, hidden), down = new(hidden, width);
        Tensor x = memory.New("x", DType.F32, full, SelfCases.Normal(1, full.Count)), output = memory.New("output", DType.F32, new Shape(count, hidden));
        Tensor logit = memory.New("logit", DType.F32, new Shape(rows, 1), SelfCases.Normal(2, rows)), add = memory.New("add", DType.F32, full, SelfCases.Normal(3, full.Count));
        var gateUp = new LinearWeight(
            memory.New("gate", DType.BF16, inner, Scaled(4, inner.Count, hidden)), memory.New("up", DType.BF16, inner, Scaled(5, inner.Count, hidden)));
        kernels.GatedMlp.Run(
            x.Rows(first, count), gateUp, new LinearWeight(memory.New("down", DType.BF16, down, Scaled(6, down.Count, width))), shared ? logit.Rows(first, count) : default,
            shared ? add.Rows(first, count) : default, memory.New("scratch", DType.F32, new Shape(count, 2 * width)), output, promptRows);
        Assert.Null(memory.Fault());
        return output.AsSpan<float>().ToArray();
    }

    private static float[] Scaled(int seed, long count, int terms) => [.. SelfCases.Normal(seed, count).ToArray().Select(v => v / MathF.Sqrt(terms))];
}
