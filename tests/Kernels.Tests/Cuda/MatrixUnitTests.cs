using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Ops whose prompt rows run on matrix units: from the op down to the kernels' text, on the model of a card.</summary>
public sealed class MatrixUnitTests
{
    [Theory]
    [InlineData("Warp", "linear_warp", "mlp_terms_wide", "mlp_combine_wide")]
    [InlineData("WarpGroup", "linear_warpgroup_narrow_split", "gate_up_warpgroup_narrow_split", "linear_warpgroup_added_narrow")]
    public void The_selftests_calls_are_right(string units, string kernel, string inner, string added)
    {
        using var stream = new PtxStream(Enum.Parse<MatrixUnits>(units));
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        SelfCase[] cases = [.. SelfCases.All().Where(c => c.Op is "linear_tiles" or "gated_mlp_tiles")];
        Assert.Equal(2, cases.Select(c => c.Op).Distinct().Count());
        foreach (SelfCase test in cases)
        {
            float[][] expected = Outputs(test, reference), found = Outputs(test, kernels);
            double error = expected.Zip(found).Max(p => Compare.Distance(p.First, p.Second));
            Assert.True(error <= test.Allowed, $"{test.Name}: {error:g3}");
        }

        Assert.Contains(kernel, stream.Ran);
        Assert.Contains("activation_terms_wide", stream.Ran);
        Assert.Contains(inner, stream.Ran);
        Assert.Contains(added, stream.Ran);
        Assert.DoesNotContain(stream.Ran, k => k.Contains("prompt", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("gated_rms_norm_aligned", "gated_rms_norm_warp")]
    [InlineData("prepare_attention_aligned", "prepare_attention_warp")]
    [InlineData("causal_convolution_aligned", "causal_convolution_rows")]
    public void What_surrounds_a_prompts_products_is_right(string op, string kernel)
    {
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        foreach (SelfCase test in SelfCases.All().Where(c => c.Op == op))
        {
            double error = Outputs(test, reference).Zip(Outputs(test, kernels)).Max(p => Compare.Distance(p.First, p.Second));
            Assert.True(error <= test.Allowed, $"{test.Name}: {error:g3}");
        }

        Assert.NotEmpty(stream.Ran);
        Assert.All(stream.Ran, ran => Assert.Equal(kernel, ran));
    }

    [Fact]
    public void A_dense_MLP_writes_its_product_where_it_belongs()
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet kernels = DeviceKernelSet.Create(stream);
        float[][] expected = Outputs(Dense, ReferenceKernels.Create(kernels.CacheType)), found = Outputs(Dense, kernels);
        Assert.True(Compare.Distance(expected[0], found[0]) < 1e-5);
        Assert.Equal(["activation_terms_wide", "gate_up_warpgroup_narrow_split", "linear_warpgroup_narrow_split"], stream.Ran);
    }

    [Fact]
    public void Outputs_that_the_copy_engine_cannot_reach_have_the_same_bits_for_every_number_of_rows()
    {
        // Rows are 257 apart.
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        float[] three = Router(stream, 3, 257), one = Router(stream, 1, 257);
        Assert.Equal(one, three[..one.Length]);
        Assert.All(stream.Ran, k => Assert.True(k is "linear_warp" or "activation_terms_wide"));
    }

    [Fact]
    public void A_routers_logits_are_where_the_copy_engine_reaches_them()
    {
        // As SparseMoe has them, beside the shared expert's gate.
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        float[] close = Router(stream, 3, 257);
        stream.Ran.Clear();
        float[] apart = Router(stream, 3, 260);
        Assert.DoesNotContain("linear_warp", stream.Ran);
        for (int i = 0; i < close.Length; i++)
        {
            Assert.Equal(close[i], apart[(i / 257 * 260) + (i % 257)], 1e-5f);
        }

        Assert.All(apart.Chunk(260), row => Assert.Equal([7, 7, 7], row[257..]));
    }

    private static SelfCase Dense { get; } = new("gated_mlp", "dense", 0, (set, memory) =>
    {
        Shape full = new(5, 64), inner = new(72, 64);
        Tensor x = memory.New("x", DType.F32, full, SelfCases.Normal(1, full.Count)), output = memory.New("output", DType.F32, full);
        var gateUp = new LinearWeight(memory.New("gate", DType.BF16, inner, SelfCases.Normal(2, inner.Count)), memory.New("up", DType.BF16, inner, SelfCases.Normal(3, inner.Count)));
        var down = new LinearWeight(memory.New("down", DType.BF16, new Shape(64, 72), SelfCases.Normal(4, inner.Count)));
        set.GatedMlp.Run(x, gateUp, down, default, default, memory.New("scratch", DType.F32, new Shape(5, 144)), output, promptRows: 5);
        return [output];
    }, IsAligned: true);

    private static float[] Router(PtxStream stream, int rows, int stride)
    {
        KernelSet kernels = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(kernels) { IsAligned = true };
        Tensor x = memory.New("x", DType.F32, new Shape(rows, 64), SelfCases.Normal(5, 3 * 64).AsSpan(0, rows * 64));
        Tensor router = memory.New("router", DType.BF16, new Shape(256, 64), SelfCases.Normal(6, 256 * 64));
        Tensor gate = memory.New("gate", DType.BF16, new Shape(1, 64), SelfCases.Normal(7, 64)), output = memory.New("output", DType.F32, new Shape(rows, stride));
        output.AsSpan<float>().Fill(7);
        kernels.Linear.Run(x, new LinearWeight(router, gate), output.Columns(0, 257), rows);
        return output.AsSpan<float>().ToArray();
    }

    private static float[][] Outputs(SelfCase test, KernelSet kernels)
    {
        using var memory = new GuardedMemory(kernels) { IsAligned = test.IsAligned };
        Tensor[] outputs = test.Run(kernels, memory);
        Assert.Null(memory.Fault());
        return [.. outputs.Select(t => t.Type == DType.BF16 ? [.. t.AsSpan<ushort>().ToArray().Select(DTypes.BF16ToF32)] : t.AsSpan<float>().ToArray())];
    }
}
