using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>eight_bit_linear: every set gives the bits of the plain loops, and what they say is near the weights' own product.</summary>
public sealed class EightBitLinearTests
{
    // Tails of vectors, tiles and blocks; so many inputs that x has to do with fewer bits.
    [Theory]
    [InlineData(DType.BF16, 256, 70, 0)]
    [InlineData(DType.BF16, 33, 5, 3)]
    [InlineData(DType.F32, 129, 33, 1)]
    [InlineData(DType.F32, 1, 1, 0)]
    [InlineData(DType.BF16, 2050, 34, 2)]
    public void All_sets_give_the_bits_of_the_reference(DType type, int inputs, int outputs, int gap)
    {
        float[] w = SelfCases.Normal(1, (long)outputs * inputs), x = SelfCases.Normal(2, 7L * inputs);
        (w[0], w[^1], x[0]) = (-9, 9, 30);
        foreach (int rows in (int[])[1, 2, 3, 7])
        {
            float[] expected = Run(ReferenceKernels.Create(), type, inputs, outputs, gap, rows, w, x);
            foreach (string name in (string[])["avx512", "avx2", "scalar"])
            {
                var sets = new CpuSets(name);
                for (int threads = 1; threads <= 3 && sets.WhyUnavailable is null; threads += 2)
                {
                    Assert.Equal(expected, Run(sets.WithThreads(threads), type, inputs, outputs, gap, rows, w, x));
                }
            }

            for (int t = 0; t < rows; t++)
            {
                for (int n = 0; n < outputs; n++)
                {
                    double exact = 0, scale = 0, largest = 0;
                    for (int k = 0; k < inputs; k++)
                    {
                        double weight = type == DType.BF16 ? DTypes.BF16ToF32(DTypes.F32ToBF16(w[(n * inputs) + k])) : w[(n * inputs) + k];
                        exact += weight * x[(t * inputs) + k];
                        scale += Math.Abs(x[(t * inputs) + k]);
                        largest = Math.Max(largest, Math.Abs(weight));
                    }

                    // Each weight is off by half a step at most, each x by less than a thousandth of the largest.
                    Assert.Equal(exact, expected[(t * outputs) + n], (scale * largest / 254) + (inputs * largest * 0.03) + 1e-6);
                }
            }
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void What_is_no_number_in_a_row_of_x_or_of_W_makes_its_products_none(float fault)
    {
        float[] w = SelfCases.Normal(1, 40 * 50), x = SelfCases.Normal(2, 3 * 50);
        (w[(7 * 50) + 3], x[50 + 49]) = (fault, fault);
        foreach (string name in (string[])["avx512", "avx2", "scalar"])
        {
            var sets = new CpuSets(name);
            float[] y = sets.WhyUnavailable is null ? Run(sets.WithThreads(2), DType.F32, 50, 40, 0, 3, w, x) : [];
            for (int i = 0; i < y.Length; i++)
            {
                Assert.Equal(i / 40 == 1 || i % 40 == 7, !float.IsFinite(y[i]));
            }
        }
    }

    [Fact]
    public void Rows_of_zeros_or_next_to_them_give_zeros()
    {
        float[] w = SelfCases.Normal(1, 8 * 20), x = new float[2 * 20];
        w.AsSpan(20, 20).Clear();
        x.AsSpan(20).Fill(float.Epsilon);
        Assert.Equal(new float[16], Run(new CpuSets("scalar").WithThreads(1), DType.F32, 20, 8, 0, 2, w, x));
    }

    private static float[] Run(KernelSet set, DType type, int inputs, int outputs, int gap, int rows, float[] w, float[] x)
    {
        using var memory = new GuardedMemory(set);
        using var weight = new EightBitWeight(new LinearWeight(memory.New("w", type, new Shape(outputs, inputs), w)));
        Tensor wide = memory.New("x", DType.F32, new Shape(rows, inputs + gap), Spread(x, inputs, gap, rows)), output = memory.New("output", DType.F32, new Shape(rows, outputs));
        set.EightBitLinear!.Run(wide.Columns(0, inputs), weight, output);
        Assert.Null(memory.Fault());
        return output.AsSpan<float>().ToArray();
    }

    // Between rows stands what would show in any sum.
    private static float[] Spread(float[] x, int inputs, int gap, int rows)
    {
        var wide = new float[rows * (inputs + gap)];
        Array.Fill(wide, float.NaN);
        for (int t = 0; t < rows; t++)
        {
            x.AsSpan(t * inputs, inputs).CopyTo(wide.AsSpan(t * (inputs + gap)));
        }

        return wide;
    }
}
