using System.Text;
using Lean.Kernels.Device;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Prompt rows by a router's weight on Hopper, from the op down to the kernels' text, on the model of a card.</summary>
public sealed class LinearSlicesTests
{
    private const int Inputs = 1024, Stride = 524;

    // The model has three multiprocessors: up to 128 rows a group has a slice of k, of 129 and more a group has all four.
    [Theory]
    [InlineData(1, 257, false)]
    [InlineData(70, 20, false)]
    [InlineData(5, 513, false)]
    [InlineData(70, 513, false)]
    [InlineData(130, 257, true)]
    [InlineData(5, 300, false)]
    public void Slices_are_added_up_to_what_f64_gives(int rows, int outputs, bool together)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        float[] x = SelfCases.Normal(1, rows * Inputs), w = [.. SelfCases.Normal(2, outputs * Inputs).Select(BF16.Round)], y = Run(stream, x, rows, w, outputs);
        Assert.Equal(together ? ["linear_slices"] : ["linear_slices", "linear_slices_join"], stream.Ran);
        double off = 0, size = 0;
        for (int row = 0; row < rows; row++)
        {
            for (int n = 0; n < Stride; n++)
            {
                if (n >= outputs)
                {
                    Assert.Equal(7, y[(row * Stride) + n]);
                    continue;
                }

                double sum = 0;
                for (int k = 0; k < Inputs; k++)
                {
                    sum += (double)x[(row * Inputs) + k] * w[(n * Inputs) + k];
                }

                off += Math.Pow(y[(row * Stride) + n] - sum, 2);
                size += sum * sum;
            }
        }

        Assert.InRange(Math.Sqrt(off / size), 0, 8e-6);
    }

    // As keys and values of one head of 256 have, computed without the queries that lie before them.
    [Fact]
    public void Few_outputs_of_many_are_not_summed_as_all_are()
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsIdle = true };
        KernelSet set = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        var weight = new LinearWeight(memory.New("w", DType.BF16, new Shape(1024, Inputs)));
        var few = new LinearWeight(memory.New("few", DType.BF16, new Shape(300, Inputs)));
        Assert.False(set.Linear.SumsAlike(weight, weight.Some(512, 512)));
        Assert.True(set.Linear.SumsAlike(weight, weight.Some(488, 536)));
        Assert.False(set.Linear.SumsAlike(weight, weight.Some(0, 537)));
        Assert.True(set.Linear.SumsAlike(few, few.Some(100, 200)));
    }

    [Fact]
    public void A_row_has_the_same_bits_however_many_rows_share_the_multiprocessors()
    {
        const int Rows = 129, Outputs = 257;
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        float[] x = SelfCases.Normal(3, Rows * Inputs), w = [.. SelfCases.Normal(4, Outputs * Inputs).Select(BF16.Round)], many = Run(stream, x, Rows, w, Outputs);
        Assert.Equal(["linear_slices"], stream.Ran);
        foreach (int row in (int[])[0, 64, 128])
        {
            Assert.Equal(many.AsSpan(row * Stride, Outputs), Run(stream, x[(row * Inputs)..((row + 1) * Inputs)], 1, w, Outputs).AsSpan(0, Outputs));
        }
    }

    // A slice a group and all four; rows that fill no tile, columns of several.
    [Theory]
    [InlineData(70, 257, DType.F32)]
    [InlineData(130, 257, DType.F32)]
    [InlineData(5, 513, DType.F32)]
    [InlineData(70, 513, DType.F32)]
    [InlineData(70, 257, DType.BF16)]
    [InlineData(130, 257, DType.BF16)]
    public void Rows_given_as_terms_have_the_bits_of_the_rows(int rows, int outputs, DType activations)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        float[] x = SelfCases.Normal(7, rows * Inputs), w = [.. SelfCases.Normal(8, outputs * Inputs).Select(BF16.Round)], expected = Run(stream, x, rows, w, outputs, activations: activations);
        string[] ran = [.. stream.Ran.Select(static k => k.Replace("linear_slices", "linear_slices_terms", StringComparison.Ordinal).Replace("_terms_join", "_join", StringComparison.Ordinal))];
        string rounded = activations == DType.BF16 ? "_rounded" : "";
        Assert.Equal("linear_slices_terms" + rounded, ran[0]);
        stream.Ran.Clear();
        Assert.Equal(expected, Run(stream, x, rows, w, outputs, asTerms: true, activations));
        Assert.Equal(["activation_terms_wide" + rounded, .. ran], stream.Ran);
    }

    // 132 multiprocessors; tiles of 64 rows.
    [Theory]
    [InlineData(512, 257, false)]
    [InlineData(2048, 257, false)]
    [InlineData(8192, 257, true)]
    [InlineData(8960, 257, false)]
    [InlineData(4096, 513, true)]
    public void Groups_have_all_slices_where_that_takes_no_longer(int rows, int outputs, bool together) =>
        Assert.Equal(together, LinearMatrixUnits.IsWhole((rows + 63L) / 64 * ((outputs + 239L) / 256), 132));

    [Theory]
    [InlineData(257, 2048, true)]
    [InlineData(513, 2048, true)]
    [InlineData(528, 1024, true)]
    [InlineData(529, 2048, false)]
    [InlineData(257, 512, false)]
    [InlineData(257, 2112, false)]
    public void Few_outputs_of_long_sums_are_sliced(int outputs, int inputs, bool sliced) => Assert.Equal(sliced, LinearMatrixUnits.IsSliced(outputs, inputs));

    [Theory]
    [InlineData("linear_slices", "wgmma.wait_group.sync.aligned 1;", "wgmma.wait_group.sync.aligned 2;")]
    [InlineData("linear_slices", "wgmma.wait_group.sync.aligned 0;", "")]
    [InlineData("linear_slices", "mbarrier.arrive.expect_tx.shared::cta.b64 state, [", "mbarrier.arrive.shared::cta.b64 state, [")]
    [InlineData("linear_slices_terms", "wgmma.wait_group.sync.aligned 1;", "wgmma.wait_group.sync.aligned 2;")]
    [InlineData("linear_slices_terms", "wgmma.wait_group.sync.aligned 0;", "")]
    [InlineData("linear_slices_terms", "mbarrier.arrive.expect_tx.shared::cta.b64 state, [", "mbarrier.arrive.shared::cta.b64 state, [")]
    [InlineData("linear_slices_terms_rounded", "wgmma.wait_group.sync.aligned 1;", "wgmma.wait_group.sync.aligned 2;")]
    [InlineData("linear_slices_terms_rounded", "mbarrier.arrive.expect_tx.shared::cta.b64 state, [", "mbarrier.arrive.shared::cta.b64 state, [")]
    public void The_model_sees_what_waits_too_little(string kernel, string from, string to)
    {
        const int Rows = 5, Outputs = 20, Long = 2048;
        float[] x = SelfCases.Normal(5, Rows * Long);
        bool asTerms = kernel.Contains("terms", StringComparison.Ordinal);
        int count = kernel.EndsWith("rounded", StringComparison.Ordinal) ? 1 : 2;
        ushort[] w = [.. SelfCases.Normal(6, Outputs * Long).Select(BF16.FromFloat)], terms = new ushort[count * Rows * Long];
        for (int i = 0; i < x.Length; i++)
        {
            int first = (i / Long * count * Long) + (i % Long);
            terms[first] = BF16.FromFloat(x[i]);
            if (count == 2)
            {
                terms[first + Long] = BF16.FromFloat(x[i] - BF16.ToFloat(terms[first]));
            }
        }

        string text = Encoding.UTF8.GetString(KernelArchive.Read("sm_90a", kernel + ".ptx"));
        Assert.Contains(from, text, StringComparison.Ordinal);
        float[] right = Whole(text, true);
        Assert.Equal(right, Whole(text, false));
        Assert.ThrowsAny<Exception>(() =>
        {
            string planted = text.Replace(from, to, StringComparison.Ordinal);
            Assert.Equal(right, Whole(planted, true));
            Assert.Equal(right, Whole(planted, false));
        });

        float[] Whole(string text, bool lateCopies)
        {
            float[] y = [.. Enumerable.Repeat(float.NaN, Rows * Outputs)];
            var machine = new PtxMachine(new PtxProgram(text), LinearSlices.SharedBytes) { LateCopies = lateCopies, LateProducts = !lateCopies };
            machine.Map(new PtxTensor(new PtxMemory(w), 2, Outputs, Long, Long, 128));
            machine.Map(new PtxTensor(new PtxMemory(w), 2, Outputs, Long, Long, 16));
            if (asTerms)
            {
                machine.Map(new PtxTensor(new PtxMemory(terms), 2, Rows, count * Long, count * Long, 64));
            }
            else
            {
                machine.View(new PtxMemory(x), x.Length);
            }

            machine.View(new PtxMemory(y), y.Length);
            Array.ForEach<int>(asTerms ? [Rows, Long, Outputs, Outputs, Outputs, 4] : [Rows, Long, Outputs, Long, Outputs, Outputs, 4], machine.Number);
            machine.Run(1);
            return y;
        }
    }

    private static float[] Run(PtxStream stream, float[] x, int rows, float[] w, int outputs, bool asTerms = false, DType activations = DType.F32)
    {
        KernelSet kernels = DeviceKernelSet.Create(stream, activations);
        using var memory = new GuardedMemory(kernels) { IsAligned = true };
        Tensor output = memory.New("output", DType.F32, new Shape(rows, Stride));
        output.AsSpan<float>().Fill(7);
        Tensor given = memory.New("x", DType.F32, new Shape(rows, Inputs), x), terms = default;
        if (asTerms)
        {
            var units = new LinearMatrixUnits(stream, activations == DType.BF16);
            terms = units.Terms(memory.New("terms", DType.F32, new Shape(units.TermBytes(rows, Inputs) / sizeof(float))).Address, rows, Inputs);
            units.Split(given, terms);
            given.AsSpan<float>().Fill(float.NaN);
        }

        kernels.Linear.Run(given, new LinearWeight(memory.New("w", DType.BF16, new Shape(outputs, Inputs), w)), output.Columns(0, outputs), rows, terms);
        Assert.Null(memory.Fault());
        return output.AsSpan<float>().ToArray();
    }
}
