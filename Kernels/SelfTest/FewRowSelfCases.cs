using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of launches that save a decode step's time at few rows; each says how many values differ from those of the launches that it replaces: none.</summary>
internal static class FewRowSelfCases
{
    private const double F32 = 1e-5;

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. Mixture(), .. Normed()];

    // A choice among more than 256, ties, rows whose logits hold no number; more rows than choose for themselves.
    private static IEnumerable<SelfCase> Mixture() =>
        from shape in ((int Width, int Shared, int Experts, int TopK)[])[(8, 320, 24, 8), (8, 320, 300, 3)]
        from rows in shape.Experts > 256 ? (int[])[2] : [1, 5, 20]
        select new SelfCase("routed_mixture", $"bf16 [{rows}, 2048] by {shape.Width} and {shape.Shared}, {shape.TopK} of {shape.Experts} experts", 2 * F32, (set, memory) =>
        {
            (int width, int sharedWidth, int experts, int topK) = shape;
            const int Hidden = 2048;
            Shape both = new(experts, 2 * width, Hidden), single = new(experts, Hidden, width);
            Tensor x = memory.New("x", DType.F32, new Shape(rows, Hidden), SelfCases.Normal(91, rows * Hidden));
            float[] values = [.. SelfCases.Normal(92, rows * (experts + 4)).Select(static v => MathF.Round(v * 8) / 8)];
            Tensor logits = memory.New("logits", DType.F32, new Shape(rows, experts + 4), values), gate = logits.Columns(experts, 1);
            float scale = 1 / MathF.Sqrt(Hidden);
            var weights = ExpertWeights.Fused(
                memory.New("gateUp", DType.BF16, both, [.. SelfCases.Normal(93, both.Count).Select(v => v * scale)]), memory.New("down", DType.BF16, single, SelfCases.Normal(94, single.Count)));
            Shape inner = new(2 * sharedWidth, Hidden), outer = new(Hidden, sharedWidth);
            var shared = new SharedExpert(
                new LinearWeight(memory.New("sharedGateUp", DType.BF16, inner, [.. SelfCases.Normal(95, inner.Count).Select(v => v * scale)])),
                new LinearWeight(memory.New("sharedDown", DType.BF16, outer, SelfCases.Normal(96, outer.Count))));
            var inTwo = new RoutedMixtureInTwo(set.ExpertRouter, set.ExpertMixture);
            Tensor scratch = memory.New("scratch", DType.I8, new Shape(set.RoutedMixture.ScratchBytes(weights, shared, rows, topK)));
            Tensor output = memory.New("output", DType.F32, new Shape(rows, Hidden)), expected = memory.New("expected", DType.F32, new Shape(rows, Hidden));
            set.RoutedMixture.Run(x, weights, shared, logits.Columns(0, experts), topK, renormalise: true, gate, scratch, output, promptRows: 0);
            inTwo.Run(x, weights, shared, logits.Columns(0, experts), topK, renormalise: true, gate, scratch, expected, promptRows: 0);
            return [output, memory.New("differences", new Shape(1), [Differences(output, expected)])];
        }, IsAligned: true);

    private static IEnumerable<SelfCase> Normed() =>
        from rows in (int[])[1, 2, 4]
        from outputs in (int[])[5, 257, 1300]
        select new SelfCase("normed_linear", $"bf16 [{rows}, 2048] to {outputs}", F32, (set, memory) =>
        {
            const int Hidden = 2048, Place = 3;
            Shape shape = new(rows, Hidden), result = new(rows, outputs);
            float[] given = SelfCases.Normal(97, shape.Count), delta = SelfCases.Normal(98, shape.Count);
            for (int h = 0; rows > 1 && h < Hidden; h++)
            {
                // A row whose squares leave f32.
                given[Hidden + h] *= 1e25f;
            }

            Tensor residual = memory.New("residual", DType.F32, shape, given), sum = memory.New("sum", DType.F32, shape, given), kept = memory.New("kept", DType.F32, shape);
            Tensor added = memory.New("delta", DType.F32, shape, delta), norm = memory.New("norm", DType.F32, new Shape(Hidden), SelfCases.Normal(99, Hidden));
            var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(outputs, Hidden), SelfCases.Normal(100, (long)outputs * Hidden)));
            Tensor faults = memory.New("faults", new Shape(rows), new int[rows]), expectedFaults = memory.New("expectedFaults", new Shape(rows), new int[rows]);
            Tensor normed = memory.New("normed", DType.F32, shape), expectedNormed = memory.New("expectedNormed", DType.F32, shape);
            Tensor output = memory.New("output", DType.F32, result), expected = memory.New("expected", DType.F32, result);
            set.AddRmsNorm.Run(sum, added, norm, 1e-6f, expectedNormed, expectedFaults, Place);
            set.Linear.Run(expectedNormed, weight, expected, promptRows: 0);
            int differences = 0;
            if (set.NormedLinear is { } op && op.Takes(rows, 0, weight))
            {
                op.Run(residual, added, norm, 1e-6f, kept, normed, faults, Place, weight, output);
                differences = Differences(sum, kept) + Differences(expectedNormed, normed) + Differences(expectedFaults, faults) + Differences(expected, output);
            }

            return [expected, memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true);

    private static int Differences(Tensor one, Tensor other)
    {
        ReadOnlySpan<int> a = one.AsSpan<int>(), b = other.AsSpan<int>();
        int count = 0;
        for (int i = 0; i < a.Length; i++)
        {
            count += a[i] == b[i] ? 0 : 1;
        }

        return count;
    }
}
