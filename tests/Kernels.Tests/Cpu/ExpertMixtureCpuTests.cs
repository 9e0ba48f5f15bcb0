using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>expert_mixture on the CPU, where the shared expert runs among the routed ones.</summary>
public sealed class ExpertMixtureCpuTests
{
    private static readonly int[] s_rows = [1, 2, 3, 4, 5, 33];

    // Of many threads each takes fewer columns of the output at a time.
    private const int ManyThreads = 12;

    // Long and short sums, widths that are no whole number of blocks or vectors; gate and up in one piece or in two; a shared
    // expert of another type, which runs behind the others.
    [Theory]
    [InlineData(DType.BF16, DType.BF16, 136, 40, 72, 5, 2, true)]
    [InlineData(DType.BF16, DType.BF16, 200, 136, 33, 9, 3, false)]
    [InlineData(DType.F32, DType.F32, 33, 17, 40, 4, 4, false)]
    [InlineData(DType.F32, DType.F32, 264, 24, 24, 16, 4, true)]
    [InlineData(DType.BF16, DType.F32, 48, 24, 40, 3, 1, true)]
    public void It_has_the_bits_of_its_ops(DType type, DType sharedType, int hidden, int width, int sharedWidth, int experts, int topK, bool together)
    {
        foreach (string name in (string[])["avx512", "avx2", "scalar"])
        {
            var sets = new CpuSets(name);
            foreach (int rows in sets.WhyUnavailable is null ? s_rows : [])
            {
                KernelSet single = sets.WithThreads(1);
                float[] expected = Run(single, new ExpertMixtureInTwo(single.GroupedExperts, single.GatedMlp), rows);
                foreach (int threads in (int[])(rows == s_rows[^2] ? [1, 3, ManyThreads] : [1, 3]))
                {
                    KernelSet set = sets.WithThreads(threads);
                    Assert.Equal(expected, Run(set, new ExpertMixtureInTwo(set.GroupedExperts, set.GatedMlp), rows));
                    Assert.Equal(expected, Run(set, set.ExpertMixture, rows));
                }
            }
        }

        float[] Run(KernelSet set, ExpertMixture op, int rows)
        {
            using var memory = new GuardedMemory(set);
            Shape pairs = new(rows, topK), both = new(experts, 2 * width, hidden), single = new(experts, hidden, width);
            Tensor x = memory.New("x", DType.F32, new Shape(rows, hidden), SelfCases.Normal(1, rows * hidden));
            Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * topK).Select(i => ((i / topK * 3) + (i % topK)) % experts)]);
            Tensor mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(2, pairs.Count)), output = memory.New("output", DType.F32, new Shape(rows, hidden));
            Tensor logits = memory.New("logits", DType.F32, new Shape(rows, 4), SelfCases.Normal(3, rows * 4));
            var weights = ExpertWeights.Fused(
                memory.New("gateUp", type, both, SelfCases.Normal(4, both.Count)), memory.New("down", type, single, SelfCases.Normal(5, single.Count)));
            Shape half = new(sharedWidth, hidden), whole = new(2 * sharedWidth, hidden), down = new(hidden, sharedWidth);
            float[] inner = SelfCases.Normal(6, whole.Count);
            LinearWeight gateUp = together
                ? new LinearWeight(memory.New("sharedGateUp", sharedType, whole, inner))
                : new LinearWeight(
                    memory.New("sharedGate", sharedType, half, inner.AsSpan(0, (int)half.Count)), memory.New("sharedUp", sharedType, half, inner.AsSpan((int)half.Count)));
            var shared = new SharedExpert(gateUp, new LinearWeight(memory.New("sharedDown", sharedType, down, SelfCases.Normal(7, down.Count))));
            Tensor scratch = memory.New("scratch", DType.I8, new Shape(op.ScratchBytes(weights, shared, rows, topK)));
            op.Run(x, weights, shared, chosen, mix, logits.Columns(1, 1), scratch, output, promptRows: 0);
            Assert.Null(memory.Fault());
            return output.AsSpan<float>().ToArray();
        }
    }
}
