using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of launches that save a decode step's time at few rows; each says how many values differ from those of the launches that it replaces: none.</summary>
internal static class FewRowSelfCases
{
    private const double F32 = 1e-5;

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. Normed(), .. Routed()];

    private static IEnumerable<SelfCase> Normed() =>
        from rows in (int[])[1, 2, 3, 4]
        from outputs in (int[])[5, 257, 1300]
        from isGate in (bool[])[false, true]
        select new SelfCase("normed_linear", $"bf16 [{rows}, 2048] to {outputs}{(isGate ? " gates" : "")}", F32, (set, memory) =>
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
            (isGate ? set.GateLinear : set.Linear).Run(expectedNormed, weight, expected, promptRows: 0);
            int differences = 0;
            if ((isGate ? set.NormedGateLinear : set.NormedLinear) is { } op && op.Takes(rows, 0, weight))
            {
                op.Run(residual, added, norm, 1e-6f, kept, normed, faults, Place, weight, output);
                differences = SelfCases.Differences(sum, kept) + SelfCases.Differences(expectedNormed, normed) + SelfCases.Differences(expectedFaults, faults) + SelfCases.Differences(expected, output);
            }

            return [expected, memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true);

    // Some experts have the same weights: ties go to the lower index. Sums of an odd number of rows go where the rows are.
    private static IEnumerable<SelfCase> Routed() =>
        from rows in (int[])[1, 2, 3, 8]
        from shape in ((int Experts, int Others, int TopK)[])[(256, 1, 8), (512, 1, 10), (37, 0, 32)]
        from isNormed in (bool[])[false, true]
        select new SelfCase("normed_router", $"bf16 [{rows}, 2048] to {shape.Experts} experts{(shape.Others > 0 ? " and a gate" : "")}, {shape.TopK} of them{(isNormed ? ", normed before" : "")}", F32, (set, memory) =>
        {
            const int Hidden = 2048, Place = 3;
            Shape all = new(rows, Hidden), pairs = new(rows, shape.TopK), result = new(rows, shape.Experts + shape.Others);
            float[] values = SelfCases.Normal(100, (shape.Experts + shape.Others) * (long)Hidden), given = SelfCases.Normal(97, all.Count);
            for (int i = 0; i < values.Length; i++)
            {
                // Logits near 1.
                values[i] /= 45;
            }

            for (int e = 0; e < shape.Experts; e += 5)
            {
                values.AsSpan(0, Hidden).CopyTo(values.AsSpan(e * Hidden));
            }

            for (int h = 0; rows > 1 && h < Hidden; h++)
            {
                given[Hidden + h] *= 1e25f;
            }

            Tensor residual = memory.New("residual", DType.F32, all, given), sum = memory.New("sum", DType.F32, all, given), kept = rows % 2 == 1 ? residual : memory.New("kept", DType.F32, all);
            Tensor added = memory.New("delta", DType.F32, all, SelfCases.Normal(98, all.Count)), norm = memory.New("norm", DType.F32, new Shape(Hidden), SelfCases.Normal(99, Hidden));
            var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(result[1], Hidden), values));
            Tensor faults = memory.New("faults", new Shape(rows), new int[rows]), expectedFaults = memory.New("expectedFaults", new Shape(rows), new int[rows]);
            Tensor normed = memory.New("normed", DType.F32, all), expectedNormed = memory.New("expectedNormed", DType.F32, all);
            RouterChoice expected = Choice("expected"), found = Choice("found");
            set.AddRmsNorm.Run(sum, added, norm, 1e-6f, expectedNormed, expectedFaults, Place);
            set.GateLinear.Run(expectedNormed, weight, expected.Logits, promptRows: 0);
            set.ExpertRouter.Run(expected.Logits.Columns(0, shape.Experts), renormalise: true, expected.Experts, expected.Weights);
            int differences = 0;
            if (set.NormedRouter is { } op && op.Takes(rows, 0, weight, shape.Experts, shape.TopK))
            {
                if (isNormed)
                {
                    op.Run(expectedNormed, found);
                }
                else
                {
                    op.Run(residual, added, norm, 1e-6f, kept, normed, faults, Place, found);
                    differences = SelfCases.Differences(sum, kept) + SelfCases.Differences(expectedNormed, normed) + SelfCases.Differences(expectedFaults, faults);
                }

                differences += SelfCases.Differences(expected.Experts, found.Experts) + SelfCases.Differences(expected.Weights, found.Weights);
                for (int row = 0; row < rows; row++)
                {
                    differences += SelfCases.Differences(expected.Logits.Rows(row, 1), found.Logits.Rows(row, 1));
                }
            }

            return [expected.Weights, memory.New("differences", new Shape(1), [differences])];

            RouterChoice Choice(string name) => new(
                weight, shape.Experts, Renormalise: true, memory.New(name, DType.F32, new Shape(rows, result[1] + 2)).Columns(0, result[1]),
                memory.New($"{name} experts", DType.I32, pairs), memory.New($"{name} weights", DType.F32, pairs));
        }, IsAligned: true, Has: static set => set.NormedRouter is not null);
}
