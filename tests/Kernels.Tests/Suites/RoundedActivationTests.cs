using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Products that round their activations to bf16: what they round, and that nothing else changes.</summary>
/// <typeparam name="TRounded">The implementation with bf16 activations.</typeparam>
/// <typeparam name="TPlain">The same with f32 activations.</typeparam>
public abstract class RoundedActivationTests<TRounded, TPlain>
    where TRounded : IKernelTarget
    where TPlain : IKernelTarget
{
    // Where a value between two products lies so near the middle of two bf16 that one implementation rounds it up and another
    // down, a row of results is off by a bf16's last place; so many in a thousand may be.
    private const int MostRowsThatTurn = 60;
    private const double Turn = 0.06;

    private static readonly int[] s_threads = [1, 2, 7];

    [Fact]
    public void Linears_agree_with_the_reference()
    {
        KernelSet kernels = Rounded(), reference = ReferenceKernels.Create(kernels.CacheType, DType.BF16);
        Assert.Equal(DType.BF16, kernels.Activations);
        var failures = new Failures();
        foreach (OpCase test in Some(LinearCases.All(), 5))
        {
            failures.Try(test.Name, () => Compare.Close(test.On(reference), test.On(kernels), test.Tolerance));
        }

        failures.Assert();
    }

    [Fact]
    public void Products_of_products_agree_with_the_reference_but_for_values_that_turn()
    {
        KernelSet kernels = Rounded(), reference = ReferenceKernels.Create(kernels.CacheType, DType.BF16);
        int rows = 0, turned = 0, unlike = 0;
        foreach (OpCase test in Some(MlpCases.All(), 3).Concat(Some(ExpertCases.Grouped(), 3)).Concat(Some(ExpertCases.Parts(), 3)))
        {
            Output expected = test.On(reference).Items[0], found = test.On(kernels).Items[0], plain = test.On(Plain()).Items[0];
            for (int row = 0; row < expected.Bits.Length / expected.Width; row++)
            {
                double worst = Off(expected, found, row, test.Tolerance);
                Assert.True(worst <= Turn, $"{test.Name}, row {row}: off by {worst:g3}");
                rows++;
                turned += worst > 0 ? 1 : 0;
                unlike += Off(expected, plain, row, test.Tolerance) > 0 ? 1 : 0;
            }
        }

        // Without rounding nearly all rows would be off; those of f32 weights are not rounded, and no longer are rows of no expert.
        Assert.InRange(turned, 0, rows * MostRowsThatTurn / 1000);
        Assert.InRange(unlike, rows * 2 / 5, rows);
    }

    [Theory]
    [InlineData(DType.BF16, 129, 82, 0)]
    [InlineData(DType.BF16, 64, 33, 9)]
    [InlineData(DType.F32, 100, 67, 4)]
    public void A_linear_is_that_of_rounded_rows(DType type, int inputs, int outputs, int promptRows)
    {
        float[] values = Numbers.Normal(1, 9 * inputs);
        (values[0], values[1], values[inputs], values[inputs + 1]) = (1 + (1f / 256), 1 + (3f / 256), -0f, 1e-40f);
        float[] rounded = [.. values.Select(v => DTypes.BF16ToF32(DTypes.F32ToBF16(v)))];
        Assert.Null(Compare.Bits(Run(Plain(), type == DType.BF16 ? rounded : values, k => k.Linear), Run(Rounded(), values, k => k.Linear)));
        Assert.Null(Compare.Bits(Run(Plain(), values, k => k.Linear), Run(Rounded(), values, k => k.GateLinear)));

        Outputs Run(KernelSet set, float[] x, Func<KernelSet, Linear> op)
        {
            using var arena = new Arena(set);
            Tensor output = arena.Output(DType.F32, new Shape(9, outputs));
            op(set).Run(arena.Strided(x, new Shape(9, inputs)), Weights.Whole(arena, type, 2, outputs, inputs), output, promptRows);
            return new Outputs().Add("output", output);
        }
    }

    [Fact]
    public void Not_a_number_and_infinity_stay_what_they_are()
    {
        KernelSet set = Rounded();
        using var arena = new Arena(set);
        float[] x = [.. Enumerable.Repeat(0f, 5 * 33)];
        (x[3], x[33], x[66 + 32], x[99], x[132]) = (float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, BitConverter.Int32BitsToSingle(0x7f800001));
        Tensor output = arena.Output(DType.F32, new Shape(5, 1)), ones = arena.Weight(DType.BF16, [.. Enumerable.Repeat(1f, 33)], new Shape(1, 33));
        set.Linear.Run(arena.Input(x, new Shape(5, 33)), new LinearWeight(ones), output, promptRows: 2);
        Assert.Equal([float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.PositiveInfinity, float.NaN], new Outputs().Add("output", output).Items[0].Values);
    }

    [Fact]
    public void Rows_and_threads_change_no_bit()
    {
        int[] all = [.. Enumerable.Range(0, 70)];
        foreach (Func<KernelSet, Arena, int[], int, Outputs> op in (Func<KernelSet, Arena, int[], int, Outputs>[])
            [
                (set, arena, rows, prompts) => LinearCases.Rows(set, arena, DType.BF16, 129, 82, rows, promptRows: prompts),
                (set, arena, rows, prompts) => MlpCases.Rows(set, arena, DType.BF16, 33, 40, rows, promptRows: prompts),
                (set, arena, rows, prompts) => ExpertCases.GroupedRows(set, arena, DType.BF16, 33, 40, 5, 2, rows, prompts),
            ])
        {
            Outputs mixed = On(Rounded(), all, 33);
            foreach (int threads in s_threads)
            {
                Assert.Null(Compare.Bits(mixed, On(TRounded.WithThreads(threads), all, 33)));
            }

            foreach (int row in (int[])[0, 7, 32, 33, 50, 69])
            {
                Assert.Null(Compare.Rows(On(Rounded(), [row], row < 33 ? 1 : 0), 0, mixed, row));
            }

            Outputs On(KernelSet set, int[] rows, int prompts)
            {
                using var arena = new Arena(set);
                return op(set, arena, rows, prompts);
            }
        }
    }

    private static KernelSet Rounded()
    {
        Assert.SkipWhen(TRounded.WhyUnavailable is not null, TRounded.WhyUnavailable ?? "");
        return TRounded.WithThreads(TRounded.Threads);
    }

    private static KernelSet Plain()
    {
        Assert.SkipWhen(TPlain.WhyUnavailable is not null, TPlain.WhyUnavailable ?? "");
        return TPlain.WithThreads(TPlain.Threads);
    }

    private static IEnumerable<OpCase> Some(IEnumerable<OpCase> cases, int step) => cases.Where((_, i) => i % step == 0);

    // How far a row's farthest value is beyond the tolerance.
    private static double Off(Output expected, Output found, int row, Tolerance tolerance)
    {
        double worst = 0;
        for (int c = 0; c < expected.Width; c++)
        {
            double e = BitConverter.Int32BitsToSingle(expected.Row(row)[c]), f = BitConverter.Int32BitsToSingle(found.Row(row)[c]);
            double off = Math.Abs(f - e) - tolerance.Absolute - (tolerance.Relative * Math.Abs(e));
            worst = off <= worst ? worst : off;
        }

        return worst;
    }
}
