using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Ops whose generated rows run on kernels for CUDA alone: from the op down to the kernels' text, on the model of a card.</summary>
public sealed class GeneratedRowTests
{
    // Outputs, rows and K that are no multiples of a tile's; two slices of one chunk and of two, and slices without any; more
    // outputs of few rows than a group joins at a time.
    [Theory]
    [InlineData(9, 1000, 72, false)]
    [InlineData(9, 136, 1032, true)]
    [InlineData(40, 200, 328, true)]
    [InlineData(70, 136, 264, false)]
    public void Many_rows_have_the_bits_of_one(int rows, int outputs, int inputs, bool gated)
    {
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        float[] found = Linear(kernels, 0, rows);
        Assert.Contains(stream.Ran, k => k.StartsWith("linear_rows_many", StringComparison.Ordinal));
        Assert.Contains("row_terms", stream.Ran);
        Assert.InRange(Compare.Distance(Linear(reference, 0, rows), found), 0, 1e-5);
        stream.Ran.Clear();
        foreach (int row in (int[])[0, 7, 8, rows - 1])
        {
            Assert.Equal(Linear(kernels, row, 1), found[(row * outputs)..((row + 1) * outputs)]);
        }

        Assert.Equal(Linear(kernels, 1, 8), found[outputs..(9 * outputs)]);
        Assert.Equal(Linear(kernels, 4, 3), found[(4 * outputs)..(7 * outputs)]);
        Assert.All(stream.Ran, k => Assert.StartsWith("linear_rows_few", k, StringComparison.Ordinal));

        float[] Linear(KernelSet set, int first, int count)
        {
            using var memory = new GuardedMemory(set) { IsAligned = true };
            Shape full = new(rows, outputs);
            Tensor x = memory.New("x", DType.F32, new Shape(rows, inputs), SelfCases.Normal(1, rows * inputs)).Rows(first, count);
            Tensor weight = memory.New("weight", DType.BF16, new Shape(outputs, inputs), SelfCases.Normal(2, outputs * inputs));
            Tensor output = memory.New("output", DType.F32, new Shape(count, outputs));
            if (gated && set.Stream is not null)
            {
                Tensor gate = memory.New("gate", DType.F32, new Shape(rows, 1), SelfCases.Normal(3, rows)), add = memory.New("add", DType.F32, full, SelfCases.Normal(4, full.Count));
                new RowUnits(stream).Linear(x, weight, gate.Rows(first, count), add.Rows(first, count), output);
            }
            else
            {
                set.Linear.Run(x, new LinearWeight(weight), output, promptRows: 0);
            }

            Assert.Null(memory.Fault());
            float[] result = output.AsSpan<float>().ToArray();
            if (gated && set.Stream is null)
            {
                float[] gates = SelfCases.Normal(3, rows).ToArray(), adds = SelfCases.Normal(4, full.Count).ToArray();
                for (int i = 0; i < result.Length; i++)
                {
                    result[i] = (float)((result[i] / (1 + Math.Exp(-gates[i / outputs]))) + adds[i]);
                }
            }

            return result;
        }
    }

    // Tiles of sixteen rows as long as all groups run at once, else of 32; both, and a last tile that is not full.
    [Theory]
    [InlineData(20, 72, 40, "sixteen", "sixteen")]
    [InlineData(20, 72, 200, "thirtytwo", "sixteen")]
    public void Tiles_of_rows_change_no_bit(int rows, int hidden, int width, string first, string second)
    {
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        float[] found = Run(kernels, 0, rows);
        Assert.Equal(2, stream.Ran.Count);
        Assert.StartsWith("gate_up_rows_" + first, stream.Ran[0], StringComparison.Ordinal);
        Assert.StartsWith("linear_rows_wide_" + second, stream.Ran[1], StringComparison.Ordinal);
        Assert.InRange(Compare.Distance(Run(reference, 0, rows), found), 0, 1e-5);
        Assert.Equal(Run(kernels, rows - 1, 1), found[((rows - 1) * hidden)..]);
        Assert.Equal(Run(kernels, 7, 9), found[(7 * hidden)..(16 * hidden)]);

        float[] Run(KernelSet set, int from, int count)
        {
            using var memory = new GuardedMemory(set) { IsAligned = true };
            Shape full = new(rows, hidden), inner = new(2 * width, hidden), down = new(hidden, width);
            Tensor x = memory.New("x", DType.F32, full, SelfCases.Normal(1, full.Count)), output = memory.New("output", DType.F32, new Shape(count, hidden));
            var gateUp = new LinearWeight(memory.New("gateUp", DType.BF16, inner, Scaled(2, inner.Count, hidden)));
            var weight = new LinearWeight(memory.New("down", DType.BF16, down, Scaled(3, down.Count, width)));
            Tensor scratch = memory.New("scratch", DType.F32, new Shape(count, 2 * width));
            set.GatedMlp.Run(x.Rows(from, count), gateUp, weight, default, default, scratch, output, promptRows: 0);
            Assert.Null(memory.Fault());
            return output.AsSpan<float>().ToArray();
        }
    }

    // One chunk of k and two; matrices that end within a group's share.
    [Theory]
    [InlineData(72, 40, 21, 2)]
    [InlineData(520, 24, 14, 3)]
    public void Few_rows_of_experts_have_the_bits_of_many(int hidden, int width, int rows, int topK)
    {
        const int Experts = 5;
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        float[] found = Run(kernels, 0, rows);
        Assert.Contains(stream.Ran, k => k.StartsWith("expert_gate_up_rows", StringComparison.Ordinal));
        Assert.InRange(Compare.Distance(Run(reference, 0, rows), found), 0, 1e-5);
        stream.Ran.Clear();
        Assert.Equal(Run(kernels, 0, 1), found[..hidden]);
        Assert.Equal(Run(kernels, rows - 3, 3), found[((rows - 3) * hidden)..]);
        Assert.All(stream.Ran, k => Assert.StartsWith("mixture_", k, StringComparison.Ordinal));
        Assert.Equal(4, stream.Ran.Count);

        float[] Run(KernelSet set, int first, int count)
        {
            using var memory = new GuardedMemory(set) { IsAligned = true };
            Shape pairs = new(rows, topK), both = new(Experts, 2 * width, hidden), single = new(Experts, hidden, width);
            Tensor x = memory.New("x", DType.F32, new Shape(rows, hidden), SelfCases.Normal(1, rows * hidden));
            Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * topK).Select(i => ((i / topK * 3) + (i % topK)) % Experts)]);
            Tensor mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(2, pairs.Count)), output = memory.New("output", DType.F32, new Shape(count, hidden));
            var weights = ExpertWeights.Fused(
                memory.New("gateUp", DType.BF16, both, Scaled(3, both.Count, hidden)), memory.New("down", DType.BF16, single, Scaled(4, single.Count, width)));
            Tensor scratch = memory.New("scratch", DType.I8, new Shape(long.Max(64, set.GroupedExperts.ScratchBytes(weights, count, topK))));
            set.GroupedExperts.Run(x.Rows(first, count), weights, chosen.Rows(first, count), mix.Rows(first, count), scratch, output, promptRows: 0);
            Assert.Null(memory.Fault());
            return output.AsSpan<float>().ToArray();
        }
    }

    // A share of every width of slices; widths that differ; more ranks than a group of the second half has warps for.
    [Theory]
    [InlineData(1, 4, 2, 72, 40, 24)]
    [InlineData(3, 5, 4, 136, 24, 40)]
    [InlineData(2, 14, 13, 72, 16, 16)]
    [InlineData(1, 3, 2, 72, 1032, 1032)]
    [InlineData(1, 2, 1, 1032, 24, 24)]
    public void A_mixture_in_two_launches_has_the_bits_of_its_ops(int rows, int experts, int topK, int hidden, int width, int sharedWidth)
    {
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        float[] found = Run(kernels, set => set.ExpertMixture);
        Assert.Equal(2, stream.Ran.Count);
        Assert.StartsWith("mixture_gate_up_rows", stream.Ran[0], StringComparison.Ordinal);
        Assert.StartsWith("mixture_down_rows", stream.Ran[1], StringComparison.Ordinal);
        Assert.InRange(Compare.Distance(Run(reference, set => set.ExpertMixture), found), 0, 1e-5);
        Assert.Equal(Run(kernels, set => new ExpertMixtureInTwo(set.GroupedExperts, set.GatedMlp)), found);

        float[] Run(KernelSet set, Func<KernelSet, ExpertMixture> op) => Mixture(set, op, rows, experts, topK, hidden, width, sharedWidth);
    }

    [Theory]
    [InlineData(14, 5, 3, 72, 40, 24)]
    [InlineData(21, 4, 2, 136, 24, 40)]
    public void The_shared_expert_beside_the_others_has_the_bits_of_the_two_ops(int rows, int experts, int topK, int hidden, int width, int sharedWidth)
    {
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        float[] found = Run(kernels, set => set.ExpertMixture);
        Assert.Equal("experts_combine_shared", stream.Ran[^1]);
        Assert.InRange(Compare.Distance(Run(reference, set => set.ExpertMixture), found), 0, 1e-5);
        Assert.Equal(Run(kernels, set => new ExpertMixtureInTwo(set.GroupedExperts, set.GatedMlp)), found);

        float[] Run(KernelSet set, Func<KernelSet, ExpertMixture> op) => Mixture(set, op, rows, experts, topK, hidden, width, sharedWidth);
    }

    // Ties, zeros of both signs, infinities, NaN; a last lane without an expert.
    [Theory]
    [InlineData(37, 5, 0)]
    [InlineData(256, 8, 0)]
    [InlineData(256, 32, 1)]
    [InlineData(500, 10, 1)]
    [InlineData(40, 3, 2)]
    [InlineData(40, 3, 3)]
    [InlineData(40, 3, 4)]
    public void A_warp_chooses_as_a_group_does(int experts, int topK, int special)
    {
        const int Rows = 3;
        using var stream = new PtxStream(MatrixUnits.Warp);
        using var plain = new PtxStream(MatrixUnits.None);

        // Rows are many there: four to a group, of which the last row's is nobody's.
        using var many = new PtxStream(MatrixUnits.Warp) { Processors = 0 };
        float[] values = SelfCases.Normal(21, Rows * experts).ToArray();
        values[experts / 2] = values[3] = values[experts - 1] = 4;
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = special switch
            {
                1 => MathF.Round(values[i] * 2) / 2 * (i % 2 == 0 ? 1 : -1),
                2 => i % 5 == 0 ? values[i] : float.NegativeInfinity,
                3 => i == 7 ? float.NaN : values[i],
                4 => i == 7 ? float.PositiveInfinity : values[i],
                _ => values[i],
            };
        }

        foreach (bool renormalise in (bool[])[true, false])
        {
            (int[] expected, float[] shares) = Route(plain, renormalise);
            foreach (PtxStream on in (PtxStream[])[stream, many])
            {
                (int[] chosen, float[] weights) = Route(on, renormalise);
                Assert.Equal(expected, chosen);
                Assert.Equal(shares.Select(BitConverter.SingleToInt32Bits), weights.Select(BitConverter.SingleToInt32Bits));
            }
        }

        Assert.All(stream.Ran, k => Assert.StartsWith("expert_router_warp", k, StringComparison.Ordinal));
        Assert.All(many.Ran, k => Assert.StartsWith("expert_router_rows", k, StringComparison.Ordinal));
        Assert.All(plain.Ran, k => Assert.Equal("expert_router", k));

        (int[] Chosen, float[] Weights) Route(PtxStream on, bool renormalise)
        {
            KernelSet set = DeviceKernelSet.Create(on);
            using var memory = new GuardedMemory(set);
            Tensor chosen = memory.New("experts", DType.I32, new Shape(Rows, topK)), weights = memory.New("weights", DType.F32, new Shape(Rows, topK));
            set.ExpertRouter.Run(memory.New("logits", DType.F32, new Shape(Rows, experts), values), renormalise, chosen, weights);
            Assert.Null(memory.Fault());
            return (chosen.AsSpan<int>().ToArray(), weights.AsSpan<float>().ToArray());
        }
    }

    private static float[] Scaled(int seed, long count, int terms) => [.. SelfCases.Normal(seed, count).ToArray().Select(v => v / MathF.Sqrt(terms))];

    private static float[] Mixture(KernelSet set, Func<KernelSet, ExpertMixture> op, int rows, int experts, int topK, int hidden, int width, int sharedWidth)
    {
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape pairs = new(rows, topK), both = new(experts, 2 * width, hidden), single = new(experts, hidden, width);
        Tensor x = memory.New("x", DType.F32, new Shape(rows, hidden), SelfCases.Normal(1, rows * hidden));
        Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * topK).Select(i => ((i / topK * 3) + (i % topK * 2) + (i % topK * 2 / experts)) % experts)]);
        Tensor mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(2, pairs.Count)), output = memory.New("output", DType.F32, new Shape(rows, hidden));
        Tensor logits = memory.New("logits", DType.F32, new Shape(rows, 4), SelfCases.Normal(3, rows * 4));
        var weights = ExpertWeights.Fused(
            memory.New("gateUp", DType.BF16, both, Scaled(4, both.Count, hidden)), memory.New("down", DType.BF16, single, Scaled(5, single.Count, width)));
        Shape inner = new(2 * sharedWidth, hidden), down = new(hidden, sharedWidth);
        var shared = new SharedExpert(
            new LinearWeight(memory.New("sharedGateUp", DType.BF16, inner, Scaled(6, inner.Count, hidden))),
            new LinearWeight(memory.New("sharedDown", DType.BF16, down, Scaled(7, down.Count, sharedWidth))));
        ExpertMixture mixture = op(set);
        Tensor scratch = memory.New("scratch", DType.I8, new Shape(mixture.ScratchBytes(weights, shared, rows, topK)));
        mixture.Run(x, weights, shared, chosen, mix, logits.Columns(1, 1), scratch, output, promptRows: 0);
        Assert.Null(memory.Fault());
        return output.AsSpan<float>().ToArray();
    }
}
