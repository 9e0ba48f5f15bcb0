using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Residual add and RMSNorm as cards run them, on the model of a card.</summary>
public sealed class NormTextTests
{
    // Threads without numbers; a part that is full, and a next one of four; the widest.
    [Theory]
    [InlineData(4, "add_rms_norm_row_narrow")]
    [InlineData(516, "add_rms_norm_row_narrow")]
    [InlineData(2048, "add_rms_norm_row_narrow")]
    [InlineData(2052, "add_rms_norm_row_wide")]
    [InlineData(8192, "add_rms_norm_row_wide")]
    [InlineData(8196, null)]
    [InlineData(6, null)]
    public void Rows_of_a_width_have_a_kernel_and_a_rows_bits_are_its_own(int width, string? kernel)
    {
        const int Rows = 3;
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        if (kernel is null)
        {
            // The model of a card may lack what the portable kernel's text has: then nothing has run.
            _ = Record.Exception(() => Run(kernels, width, Rows, 0, 1, withDelta: true));
            Assert.DoesNotContain(stream.Ran, k => k.StartsWith("add_rms_norm_row", StringComparison.Ordinal));
            return;
        }

        foreach (bool withDelta in (bool[])[true, false])
        {
            (float[] residual, float[] output) = Run(kernels, width, Rows, 0, Rows, withDelta);
            (float[] sums, float[] expected) = Run(reference, width, Rows, 0, Rows, withDelta);
            Assert.Equal(sums, residual);
            for (int i = 0; i < output.Length; i++)
            {
                Assert.True(Math.Abs(output[i] - expected[i]) <= 2e-6 * (1 + Math.Abs(expected[i])), $"{i}: {output[i]}, expected {expected[i]}");
            }

            Assert.Equal(kernel, Assert.Single(stream.Ran));
            Assert.Equal(output[((Rows - 1) * width)..], Run(kernels, width, Rows, Rows - 1, 1, withDelta).Output);
            stream.Ran.Clear();
        }
    }

    // Whole terms, padded ones, and a part more.
    [Theory]
    [InlineData(72, "narrow", DType.F32)]
    [InlineData(516, "narrow", DType.BF16)]
    [InlineData(2048, "narrow", DType.F32)]
    [InlineData(2056, "wide", DType.F32)]
    [InlineData(4100, "wide", DType.BF16)]
    public void A_norm_with_terms_gives_what_both_launches_give(int width, string kernel, DType activations)
    {
        const int Rows = 3, Prompts = 2;
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream, activations);
        var units = new LinearMatrixUnits(stream, activations == DType.BF16);
        foreach (bool areRead in (bool[])[false, true])
        {
            using var memory = new GuardedMemory(set) { IsAligned = true };
            Shape all = new(Rows, width);
            float[] given = SelfCases.Normal(1, all.Count);
            Tensor residual = memory.New("residual", DType.F32, all, given), sum = memory.New("sum", DType.F32, all, given), delta = memory.New("delta", DType.F32, all, SelfCases.Normal(2, all.Count));
            Tensor weight = memory.New("weight", DType.F32, new Shape(width), SelfCases.Normal(3, width));
            Tensor output = memory.New("output", DType.F32, all), expected = memory.New("expected", DType.F32, all);
            Tensor terms = Terms("terms"), expectedTerms = Terms("expectedTerms");
            set.AddRmsNorm.Run(sum, delta, weight, 1e-6f, expected);
            units.Split(expected.Rows(0, Prompts), expectedTerms);
            stream.Ran.Clear();
            output.AsSpan<float>().Fill(7);
            set.NormedTerms!.Run(residual, delta, weight, 1e-6f, output, terms, areRead);
            Assert.Equal($"add_rms_norm_terms_{kernel}{(activations == DType.BF16 ? "_rounded" : "")}", Assert.Single(stream.Ran));
            Assert.Equal(sum.AsSpan<float>(), residual.AsSpan<float>());
            Assert.Equal(expectedTerms.AsSpan<ushort>(), terms.AsSpan<ushort>());
            Assert.Equal(expected.Rows(Prompts, 1).AsSpan<float>(), output.Rows(Prompts, 1).AsSpan<float>());
            Assert.Equal(areRead ? expected.Rows(0, Prompts).AsSpan<float>().ToArray() : [.. Enumerable.Repeat(7f, Prompts * width)], output.Rows(0, Prompts).AsSpan<float>().ToArray());
            Assert.Null(memory.Fault());

            Tensor Terms(string name) => set.NormedTerms!.Of(memory.New(name, DType.F32, new Shape(set.NormedTerms.Bytes(Prompts, width) / sizeof(float))), Prompts, width);
        }
    }

    [Theory]
    [InlineData(16, 2, true, "")]
    [InlineData(16, 3, true, "normed_terms: 'rounded' is bf16 [3, 16], expected bf16 [R, H] = [2, 16]")]
    [InlineData(16, 2, false, "normed_terms: expected rows that may be rounded, and room for others")]
    [InlineData(20, 2, true, "normed_terms: expected rows that may be rounded, and room for others")]
    public void Rounded_sums_are_those_of_the_rows_with_terms_and_there_is_room_for_others(int width, int rounded, bool withDelta, string refusal)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsIdle = true };
        KernelSet set = DeviceKernelSet.Create(stream, DType.BF16);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape all = new(3, width);
        Tensor residual = memory.New("residual", DType.F32, all), delta = memory.New("delta", DType.F32, all), weight = memory.New("weight", DType.F32, new Shape(width)), output = memory.New("output", DType.F32, all);
        Tensor terms = set.NormedTerms!.Of(memory.New("terms", DType.F32, new Shape(set.NormedTerms.Bytes(2, width) / sizeof(float))), 2, width), sums = memory.New("sums", DType.BF16, new Shape(rounded, width));
        void Run() => set.NormedTerms.Run(residual, withDelta ? delta : default, weight, 1e-6f, output, terms, areRead: false, rounded: sums);
        if (refusal.Length == 0)
        {
            Run();
            Assert.Equal("add_rms_norm_terms_narrow_rounded", Assert.Single(stream.Ran));
            return;
        }

        Assert.Contains(refusal, Assert.Throws<LaunchException>(Run).Message, StringComparison.Ordinal);
    }

    // Whole blocks, padded ones, and a part more; tiles that are not full, and two of them.
    [Theory]
    [InlineData(9, 72, "narrow", DType.F32)]
    [InlineData(17, 520, "narrow", DType.BF16)]
    [InlineData(16, 2048, "narrow", DType.F32)]
    [InlineData(130, 264, "narrow", DType.F32)]
    [InlineData(33, 2056, "wide", DType.F32)]
    [InlineData(9, 4104, "wide", DType.BF16)]
    public void Generated_rows_become_the_pieces_that_a_launch_of_its_own_makes(int rows, int width, string kernel, DType activations)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream, activations);
        NormedTerms op = set.NormedTerms!;
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape all = new(rows, width);
        float[] given = SelfCases.Normal(1, all.Count);
        Tensor residual = memory.New("residual", DType.F32, all, given), sum = memory.New("sum", DType.F32, all, given), delta = memory.New("delta", DType.F32, all, SelfCases.Normal(2, all.Count));
        Tensor norm = memory.New("norm", DType.F32, new Shape(width), SelfCases.Normal(3, width)), weight = memory.New("weight", DType.BF16, new Shape(72, width), SelfCases.Normal(4, 72 * width));
        Tensor output = memory.New("output", DType.F32, all), expected = memory.New("expected", DType.F32, all);
        Tensor product = memory.New("product", DType.F32, new Shape(rows, 72)), expectedProduct = memory.New("expectedProduct", DType.F32, new Shape(rows, 72));
        set.AddRmsNorm.Run(sum, delta, norm, 1e-6f, expected);
        set.Linear.Run(expected, new LinearWeight(weight), expectedProduct, promptRows: 0);
        stream.Ran.Clear();
        output.AsSpan<float>().Fill(7);

        // What nobody has written reads as NaN, also where rows have ended.
        Tensor room = memory.New("pieces", DType.F32, new Shape(op.PieceBytes(rows, width) / sizeof(float)));
        room.AsSpan<float>().Fill(float.NaN);
        Tensor pieces = op.Pieces(room, rows, width);
        op.RunGenerated(residual, delta, norm, 1e-6f, output, pieces);
        Assert.Equal($"add_rms_norm_pieces_{kernel}{(activations == DType.BF16 ? "_rounded" : "")}", Assert.Single(stream.Ran));
        set.Linear.Run(output, new LinearWeight(weight), product, promptRows: 0, pieces);
        Assert.DoesNotContain(stream.Ran, k => k.StartsWith("row_term", StringComparison.Ordinal));
        Assert.Equal(sum.AsSpan<float>(), residual.AsSpan<float>());
        Assert.Equal(expectedProduct.AsSpan<float>(), product.AsSpan<float>());
        Assert.Null(memory.Fault());
    }

    // Groups have eight heads: those of two rows are early, and part of the next one's.
    [Theory]
    [InlineData(DType.F32, 0)]
    [InlineData(DType.F32, 6)]
    [InlineData(DType.BF16, 0)]
    public void A_gated_norm_with_terms_gives_what_both_launches_give(DType activations, int early)
    {
        const int Rows = 7, Heads = 3, Dim = 128, Width = Heads * Dim;
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream, activations);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Tensor x = memory.New("x", DType.F32, new Shape(Rows, Width), SelfCases.Normal(1, Rows * Width)), output = memory.New("output", DType.F32, x.Shape);
        Tensor z = memory.New("z", DType.F32, new Shape(Rows, Width + 8), SelfCases.Normal(2, Rows * (Width + 8))).Columns(4, Width);
        Tensor weight = memory.New("weight", DType.F32, new Shape(Dim), SelfCases.Normal(3, Dim)), terms = Terms("terms"), expected = Terms("expected");
        set.GatedRmsNorm.Run(x, z, weight, 1e-6f, output);
        new LinearMatrixUnits(stream, activations == DType.BF16).Split(output, expected);
        stream.Ran.Clear();
        set.GatedRmsNorm.Run(x, z, weight, 1e-6f, output, terms, early);
        Assert.Equal($"gated_rms_norm_terms{(activations == DType.BF16 ? "_rounded" : "")}", Assert.Single(stream.Ran));
        Assert.Equal(expected.AsSpan<ushort>(), terms.AsSpan<ushort>());
        Assert.Null(memory.Fault());

        Tensor Terms(string name) => set.NormedTerms!.Of(memory.New(name, DType.F32, new Shape(set.NormedTerms.Bytes(Rows, Width) / sizeof(float))), Rows, Width);
    }

    // One row whose squares leave f32, and one with a number that is none, between others that must not notice.
    [Theory]
    [InlineData(516)]
    [InlineData(2052)]
    public void Squares_that_leave_f32_are_summed_scaled_down_and_faults_are_noted(int width)
    {
        const int Rows = 5;
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        int[] faults = new int[Rows], expectedFaults = new int[Rows];
        float[] output = Run(kernels, width, Rows, 0, Rows, true, Change, faults).Output, expected = Run(reference, width, Rows, 0, Rows, true, Change, expectedFaults).Output;
        Assert.Equal([0, 0, 0, 9, 0], faults);
        Assert.Equal(expectedFaults, faults);
        for (int i = 0; i < output.Length; i++)
        {
            Assert.True(i / width == 3 || Math.Abs(output[i] - expected[i]) <= 2e-6 * (1 + Math.Abs(expected[i])), $"{i}: {output[i]}, expected {expected[i]}");
        }

        void Change(Span<float> residual)
        {
            foreach (ref float x in residual.Slice(width, width))
            {
                x *= 1e25f;
            }

            residual[(3 * width) + 5] = float.PositiveInfinity;
        }
    }

    private delegate void Changes(Span<float> residual);

    private static (float[] Residual, float[] Output) Run(
        KernelSet set, int width, int rows, int first, int count, bool withDelta, Changes? change = null, int[]? faults = null)
    {
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape all = new(rows, width);
        Tensor residual = memory.New("residual", DType.F32, all, SelfCases.Normal(1, all.Count)).Rows(first, count);
        Tensor delta = memory.New("delta", DType.F32, all, SelfCases.Normal(2, all.Count)).Rows(first, count);
        Tensor weight = memory.New("weight", DType.F32, new Shape(width), SelfCases.Normal(3, width));
        Tensor output = memory.New("output", DType.F32, new Shape(count, width));
        Tensor noted = faults is null ? default : memory.New("faults", new Shape(count), faults);
        change?.Invoke(residual.AsSpan<float>());
        set.AddRmsNorm.Run(residual, withDelta ? delta : default, weight, 1e-6f, output, noted, faults is null ? 0 : 9);
        Assert.Null(memory.Fault());
        if (faults is not null)
        {
            noted.AsSpan<int>().CopyTo(faults);
        }

        return (residual.AsSpan<float>().ToArray(), output.AsSpan<float>().ToArray());
    }
}
