using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>
/// bf16 activations on matrix units: kernels that take one term for each, from the op down to their text, on the model of a
/// card. A rounded number's second term is zero, so what they give is, bit for bit, what the kernels of two terms make of
/// rounded rows.
/// </summary>
public sealed class RoundedUnitTests
{
    // Prompts: tiles of both widths and the other units' kernel; generated rows: few, some and many.
    [Theory]
    [InlineData("WarpGroup", 5, 40, 72, true, "linear_warpgroup_narrow_rounded")]
    [InlineData("WarpGroup", 130, 600, 72, true, "linear_warpgroup_wide_rounded")]
    [InlineData("Warp", 70, 136, 72, true, "linear_warp_rounded")]
    [InlineData("Warp", 3, 100, 72, false, "linear_rows_few_slices2x_rounded")]
    [InlineData("Warp", 2, 40, 1032, false, "linear_rows_few_slices4x_rounded")]
    [InlineData("Warp", 2, 40, 2048, false, "linear_rows_few_slices8x_rounded")]
    [InlineData("Warp", 2, 40, 2056, false, "linear_rows_whole_slices8x_rounded")]
    [InlineData("Warp", 9, 72, 264, false, "linear_rows_wide_sixteen_slices2x_rounded")]
    [InlineData("Warp", 16, 200, 72, false, "linear_rows_many_sixteen_rounded")]
    [InlineData("Warp", 30, 200, 328, false, "linear_rows_many_thirtytwo_rounded")]
    [InlineData("Warp", 70, 200, 72, false, "linear_rows_many_sixtyfour_rounded")]
    public void A_linear_is_that_of_two_terms_on_rounded_rows(string units, int rows, int outputs, int inputs, bool prompts, string kernel)
    {
        float[] x = SelfCases.Normal(1, rows * inputs), rounded = [.. x.Select(v => DTypes.BF16ToF32(DTypes.F32ToBF16(v)))];
        float[] found = Run(DType.BF16, x, out List<string> ran);
        Assert.Contains(kernel, ran);
        Assert.All(ran, static k => Assert.EndsWith("_rounded", k, StringComparison.Ordinal));
        Assert.Equal(Run(DType.F32, rounded, out _), found);
        Assert.NotEqual(Run(DType.F32, x, out _), found);

        float[] Run(DType activations, float[] values, out List<string> ran) => Product(units, activations, static set => set.Linear, values, rows, outputs, inputs, prompts ? rows : 0, out ran);
    }

    // What a prompt's products leave rounded, and what takes it: the self-test's calls compare bits.
    [Theory]
    [InlineData("rounded_products", "linear_warpgroup_narrow_single", "linear_warpgroup_wide_single", "linear_warpgroup_mixed_narrow", "linear_warpgroup_mixed_wide")]
    [InlineData("rounded_gates", "gated_rms_norm_terms_rounded", "gated_rms_norm_terms_rounded_bf16")]
    [InlineData("rounded_convolution", "causal_convolution_rows", "causal_convolution_rows_bf16")]
    [InlineData("rounded_delta_rule", "delta_rule_cells_rounded_bf16", "delta_rule_walk_rounded_bf16")]
    [InlineData("rounded_sums", "add_rms_norm_terms_narrow_rounded", "add_rms_norm_terms_wide_rounded")]
    public void Rounded_rows_are_the_rounded_rows_of_f32(string op, params string[] kernels)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsLate = true };
        KernelSet set = DeviceKernelSet.Create(stream, DType.BF16), reference = ReferenceKernels.Create(set.CacheType, DType.BF16);
        SelfCase[] cases = [.. SelfCases.All().Where(c => c.Op == op)];
        Assert.NotEmpty(cases);
        foreach (SelfCase test in cases)
        {
            Assert.True(test.Has!(set));
            using GuardedMemory memory = new(set) { IsAligned = true }, exact = new(reference) { IsAligned = true };
            Tensor[] found = test.Run(set, memory), expected = test.Run(reference, exact);
            Assert.True(found[^1].AsSpan<int>()[0] == 0, test.Name);
            Assert.Null(memory.Fault());
            if (found.Length > 1)
            {
                Assert.InRange(Compare.Distance(expected[0].AsSpan<float>().ToArray(), found[0].AsSpan<float>().ToArray()), 0, test.Allowed);
            }
        }

        Assert.Empty(kernels.Except(stream.Ran));
    }

    // Boxes of bf16 and of f32 share two places.
    [Fact]
    public void The_model_sees_boxes_that_are_filled_too_soon()
    {
        SelfCase test = Assert.Single(SelfCases.All(), c => c.Op == "rounded_products" && c.Name.Contains("[130, 72] to 600, 24 of them exact, in 1", StringComparison.Ordinal));
        Assert.Equal(0, Differences(static text => text));
        int planted = 0;
        Assert.NotEqual(0, Differences(text =>
        {
            if (!text.Contains(".entry linear_warpgroup_mixed", StringComparison.Ordinal))
            {
                return text;
            }

            planted++;
            return text.Replace("cp.async.bulk.wait_group.read 0;", "cp.async.bulk.wait_group.read 3;", StringComparison.Ordinal);
        }));
        Assert.Equal(1, planted);

        int Differences(Func<string, string> change)
        {
            using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsLate = true, Change = change };
            KernelSet set = DeviceKernelSet.Create(stream, DType.BF16);
            using var memory = new GuardedMemory(set) { IsAligned = true };
            return Assert.Single(test.Run(set, memory)).AsSpan<int>()[0];
        }
    }

    // The tile of many generated rows with few outputs takes what has a multiprocessor to itself.
    [Theory]
    [InlineData("Warp", 1, false)]
    [InlineData("Warp", 20, false)]
    [InlineData("Warp", 5, true)]
    [InlineData("WarpGroup", 5, true)]
    public void A_gated_MLP_is_the_references_and_a_row_has_its_bits_alone(string units, int rows, bool prompts)
    {
        const int Hidden = 72, Width = 200;
        using var stream = new PtxStream(Enum.Parse<MatrixUnits>(units));
        KernelSet set = DeviceKernelSet.Create(stream, DType.BF16), reference = ReferenceKernels.Create(set.CacheType, DType.BF16);
        float[] found = Run(set, 0, rows);
        Assert.All(stream.Ran, static k => Assert.True(k.EndsWith("_rounded", StringComparison.Ordinal) || k.StartsWith("mlp_combine", StringComparison.Ordinal), k));
        Assert.InRange(Compare.Distance(Run(reference, 0, rows), found), 0, 1e-4);
        Assert.InRange(Compare.Distance(Run(ReferenceKernels.Create(set.CacheType), 0, rows), found), 1e-3, 1e-2);
        Assert.Equal(Run(set, rows - 1, 1), found[((rows - 1) * Hidden)..]);

        float[] Run(KernelSet on, int first, int count)
        {
            using var memory = new GuardedMemory(on) { IsAligned = true };
            Shape full = new(rows, Hidden), inner = new(2 * Width, Hidden), down = new(Hidden, Width);
            Tensor x = memory.New("x", DType.F32, full, SelfCases.Normal(1, full.Count)), add = memory.New("add", DType.F32, full, SelfCases.Normal(4, full.Count));
            var gateUp = new LinearWeight(memory.New("gateUp", DType.BF16, inner, Scaled(2, inner.Count, Hidden)));
            var weight = new LinearWeight(memory.New("down", DType.BF16, down, Scaled(3, down.Count, Width)));
            Tensor logit = memory.New("logit", DType.F32, new Shape(rows, 1), SelfCases.Normal(5, rows)), output = memory.New("output", DType.F32, new Shape(count, Hidden));
            Tensor scratch = memory.New("scratch", DType.F32, new Shape(count, 2 * Width));
            on.GatedMlp.Run(
                x.Rows(first, count), gateUp, weight, logit.Rows(first, count), add.Rows(first, count), scratch, output, prompts ? count : 0);
            Assert.Null(memory.Fault());
            return output.AsSpan<float>().ToArray();
        }
    }

    // Few generated rows in two launches, more by tiles of an expert's, prompts; rows of both classes in one step.
    [Theory]
    [InlineData(1, 0)]
    [InlineData(21, 0)]
    [InlineData(9, 9)]
    [InlineData(12, 5)]
    public void Experts_are_the_references_and_a_row_has_its_bits_alone(int rows, int prompts)
    {
        const int Hidden = 72, Width = 40, Experts = 5, TopK = 2;
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet set = DeviceKernelSet.Create(stream, DType.BF16), reference = ReferenceKernels.Create(set.CacheType, DType.BF16);
        float[] found = Run(set, 0, rows);
        Assert.All(stream.Ran, static k => Assert.True(k.EndsWith("_rounded", StringComparison.Ordinal) || k.StartsWith("experts_", StringComparison.Ordinal) || k.StartsWith("mlp_combine", StringComparison.Ordinal), k));
        Assert.InRange(Compare.Distance(Run(reference, 0, rows), found), 0, 1e-4);
        Assert.InRange(Compare.Distance(Run(ReferenceKernels.Create(set.CacheType), 0, rows), found), 1e-3, 1e-2);
        foreach (int row in (int[])[0, rows - 1])
        {
            Assert.Equal(Run(set, row, 1), found[(row * Hidden)..((row + 1) * Hidden)]);
        }

        float[] Run(KernelSet on, int first, int count)
        {
            using var memory = new GuardedMemory(on) { IsAligned = true };
            Shape pairs = new(rows, TopK), both = new(Experts, 2 * Width, Hidden), single = new(Experts, Hidden, Width), inner = new(2 * Width, Hidden), back = new(Hidden, Width);
            Tensor x = memory.New("x", DType.F32, new Shape(rows, Hidden), SelfCases.Normal(1, rows * Hidden));
            Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * TopK).Select(i => ((i / TopK * 3) + (i % TopK)) % Experts)]);
            Tensor mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(2, pairs.Count)), logit = memory.New("logit", DType.F32, new Shape(rows, 1), SelfCases.Normal(3, rows));
            var weights = ExpertWeights.Fused(memory.New("gateUp", DType.BF16, both, Scaled(4, both.Count, Hidden)), memory.New("down", DType.BF16, single, Scaled(5, single.Count, Width)));
            var shared = new SharedExpert(
                new LinearWeight(memory.New("sharedGateUp", DType.BF16, inner, Scaled(6, inner.Count, Hidden))), new LinearWeight(memory.New("sharedDown", DType.BF16, back, Scaled(7, back.Count, Width))));
            Tensor scratch = memory.New("scratch", DType.I8, new Shape(long.Max(64, on.ExpertMixture.ScratchBytes(weights, shared, count, TopK)))), output = memory.New("output", DType.F32, new Shape(count, Hidden));
            on.ExpertMixture.Run(
                x.Rows(first, count), weights, shared, chosen.Rows(first, count), mix.Rows(first, count), logit.Rows(first, count), scratch, output, int.Max(0, int.Min(count, prompts - first)));
            Assert.Null(memory.Fault());
            return output.AsSpan<float>().ToArray();
        }
    }

    // A prompt's queries and weights are one bf16 each, generated rows' two as ever; scores are about 1.
    [Theory]
    [InlineData(8, 1, 64)]
    [InlineData(12, 2, 128)]
    [InlineData(4, 1, 256)]
    public void Attention_of_a_prompt_is_rounded_and_that_of_generated_rows_is_not(int heads, int kvHeads, int dim)
    {
        AttentionShape shape = new(heads, kvHeads, dim);
        var sequence = new AttentionStream(720, shape, 150);
        Output found = Run(DType.BF16, 0, 150, true), exact = Run(DType.F32, 0, 150, true), cut = Run(DType.BF16, 64, 86, true);
        double off = 0, size = 0;
        for (int row = 0; row < 150; row++)
        {
            ReadOnlySpan<float> x = MemoryMarshal.Cast<int, float>(found.Row(row)), y = MemoryMarshal.Cast<int, float>(exact.Row(row));
            for (int i = 0; i < x.Length; i++)
            {
                off += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
                size += (double)y[i] * y[i];
            }
        }

        Assert.InRange(Math.Sqrt(off / size), 2e-4, 3e-3);
        Assert.All(Enumerable.Range(0, 86), row => Assert.Equal(found.Row(64 + row), cut.Row(row)));
        Assert.Equal(Run(DType.F32, 149, 1, false).Row(0), Run(DType.BF16, 149, 1, false).Row(0));

        Output Run(DType activations, int from, int count, bool prompts)
        {
            using var stream = new PtxStream(MatrixUnits.WarpGroup);
            KernelSet set = DeviceKernelSet.Create(stream, activations);
            using var arena = new Arena(set) { IsAligned = true };
            Output output = AttentionCases.Run(set, arena, shape, [new AttentionCases.Part(sequence, from, count)], 5, prompts)["output"];
            Assert.Equal(prompts ? $"paged_attention_prompt_columns{dim}{(activations == DType.BF16 ? "_rounded" : "")}" : $"paged_attention_rows_columns{dim}", stream.Ran[0]);
            return output;
        }
    }

    // A prompt's are on matrix units, from terms or the rows as they are; generated ones never.
    [Theory]
    [InlineData("Warp", 40, 72, "linear_warp_rounded")]
    [InlineData("WarpGroup", 40, 72, "linear_warpgroup_narrow_rounded")]
    [InlineData("WarpGroup", 257, 1024, "linear_slices_rounded", "linear_slices_join")]
    public void A_routers_rows_are_rounded_where_they_are_a_prompts(string units, int outputs, int inputs, params string[] kernels)
    {
        const int Rows = 6, Prompts = 3;
        float[] x = SelfCases.Normal(1, Rows * inputs), rounded = [.. x.Select((v, i) => i < Prompts * inputs ? RoundedActivations.Round(v) : v)];
        float[] found = Run(DType.BF16, x, out List<string> ran);
        string[] some = [.. ran.Where(static k => !k.StartsWith("activation_terms", StringComparison.Ordinal))];
        Assert.Equal(kernels, some[..kernels.Length]);
        Assert.All(some[kernels.Length..], static k => Assert.False(k.EndsWith("_rounded", StringComparison.Ordinal), k));
        Assert.Equal(Run(DType.F32, rounded, out _), found);
        Assert.NotEqual(Run(DType.F32, x, out _), found);

        float[] Run(DType activations, float[] values, out List<string> ran) => Product(units, activations, static set => set.GateLinear, values, Rows, outputs, inputs, Prompts, out ran);
    }

    // Rows of the output begin where the copy engine reaches them.
    private static float[] Product(
        string units, DType activations, Func<KernelSet, Linear> choose, float[] values, int rows, int outputs, int inputs, int promptRows, out List<string> ran)
    {
        using var stream = new PtxStream(Enum.Parse<MatrixUnits>(units));
        KernelSet set = DeviceKernelSet.Create(stream, activations);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Tensor output = memory.New("output", DType.F32, new Shape(rows, (outputs + 3) / 4 * 4)).Columns(0, outputs);
        var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(outputs, inputs), SelfCases.Normal(2, (long)outputs * inputs)));
        choose(set).Run(memory.New("x", DType.F32, new Shape(rows, inputs), values), weight, output, promptRows);
        Assert.Null(memory.Fault());
        ran = stream.Ran;
        return [.. Enumerable.Range(0, rows).SelectMany(row => output.Rows(row, 1).AsSpan<float>().ToArray())];
    }

    private static float[] Scaled(int seed, long count, int terms) => [.. SelfCases.Normal(seed, count).ToArray().Select(v => v / MathF.Sqrt(terms))];
}
