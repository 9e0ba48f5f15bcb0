using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of launches that save a decode step's time at few rows; each says how many values differ from those of the launches that it replaces: none.</summary>
internal static class FewRowSelfCases
{
    private const double F32 = 1e-5;

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() =>
        from rows in (int[])[1, 2]
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
