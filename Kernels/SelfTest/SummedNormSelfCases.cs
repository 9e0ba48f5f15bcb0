using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of norms that add up what is left in parts: how many values differ from those of the launches that they replace: none.</summary>
internal static class SummedNormSelfCases
{
    private const double F32 = 1e-5;
    private const float Epsilon = 1e-6f;
    private const int Place = 3;

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => Slices();

    // As many outputs as Hopper's products of so many rows are cut into slices for, of which there are two, four and eight.
    private static IEnumerable<SelfCase> Slices() =>
        from shape in ((int Rows, int Inputs, int Hidden)[])[(9, 4096, 2048), (16, 2048, 2048), (33, 4096, 2048), (64, 4096, 2048), (65, 1032, 2056), (128, 520, 4224)]
        select new SelfCase("summed_norm", $"[{shape.Rows}, {shape.Inputs}] to {shape.Hidden}, in slices", F32, (set, memory) =>
        {
            (int rows, int inputs, int hidden) = shape;
            Shape all = new(rows, hidden);
            float[] given = SelfCases.Normal(121, all.Count);
            for (int h = 0; h < hidden; h++)
            {
                // A row whose squares leave f32.
                given[(4 * hidden) + h] *= 1e25f;
            }

            int[] noted = new int[rows];
            noted[5] = 1;
            Tensor x = memory.New("x", DType.F32, new Shape(rows, inputs), SelfCases.Normal(122, rows * inputs));
            var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(hidden, inputs), SelfCases.Normal(123, (long)hidden * inputs)));
            Tensor residual = memory.New("residual", DType.F32, all, given), sum = memory.New("sum", DType.F32, all, given), added = memory.New("delta", DType.F32, all);
            Tensor norm = memory.New("norm", DType.F32, new Shape(hidden), SelfCases.Normal(124, hidden));
            Tensor faults = memory.New("faults", new Shape(rows), noted), expectedFaults = memory.New("expectedFaults", new Shape(rows), noted);
            Tensor output = memory.New("output", DType.F32, all), expected = memory.New("expected", DType.F32, all);
            set.Linear.Run(x, weight, added, promptRows: 0);
            set.AddRmsNorm.Run(sum, added, norm, Epsilon, expected, expectedFaults, Place);
            int differences = 0;
            if (set.SummedNorm is { } op && op.Takes(hidden) && set.Linear.LeavesSlices(weight, rows))
            {
                op.Run(residual, set.Linear.RunInSlices(x, weight), norm, Epsilon, output, faults, Place);
                differences = Differences(sum, residual) + Differences(expectedFaults, faults) + Differences(expected, output);
            }

            return [expected, memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Has: static set => set.SummedNorm is not null);

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
