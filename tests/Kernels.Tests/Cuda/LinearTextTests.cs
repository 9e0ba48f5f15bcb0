using System.Text;
using Lean.Kernels.Device;

namespace Lean.Kernels.Tests;

/// <summary>The products' kernels as this binary carries them, run on the model of a card against f64.</summary>
public sealed class LinearTextTests
{
    // One row and a few; more than a tile of rows, of outputs, of both; K that is no multiple of a block.
    public static TheoryData<int, int, int> Shapes { get; } = new() { { 1, 8, 8 }, { 5, 300, 64 }, { 130, 20, 200 }, { 140, 270, 328 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Warps_multiply(int rows, int outputs, int inputs)
    {
        var call = new Call(rows, outputs, inputs, terms: 2);
        call.Check(Warp(call));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Warp_groups_multiply(int rows, int outputs, int inputs)
    {
        var call = new Call(rows, outputs, inputs, terms: 2);
        foreach (string tile in (string[])["wide", "narrow"])
        {
            // Whatever the copy engine and the products take their time for, and however many groups share the tiles.
            float[] late = WarpGroup(call, tile, groups: 1, lateCopies: true, lateProducts: false);
            call.Check(late);
            Assert.Equal(late, WarpGroup(call, tile, groups: 3, lateCopies: false, lateProducts: true));
        }
    }

    // A shared expert's: in a place of its own, and where the sum already lies.
    [Theory]
    [InlineData("wide", false)]
    [InlineData("narrow", false)]
    [InlineData("wide", true)]
    [InlineData("narrow", true)]
    public void Warp_groups_add_to_what_is_there(string tile, bool inPlace)
    {
        const int GateStride = 3;
        var call = new Call(140, 270, 136, terms: 2);
        float[] gate = Numbers(call.Rows * GateStride, seed: 7), before = Numbers(call.Rows * call.Stride, seed: 8);
        float[] output = inPlace ? [.. before] : call.NewOutput();
        var memory = new PtxMemory(output);
        PtxMachine machine = Machine("sm_90a", $"linear_warpgroup_added_{tile}", LinearWarpGroup.SharedBytes, true, true);
        machine.Map(new PtxTensor(new PtxMemory(call.Terms), 2, call.Rows, call.Packed, call.Packed, 128));
        machine.Map(new PtxTensor(new PtxMemory(call.Weight), 2, call.Outputs, call.Inputs, call.Inputs, 128));
        machine.Map(new PtxTensor(memory, 4, call.Rows, call.Outputs, call.Stride, 64));
        machine.View(new PtxMemory(gate), gate.Length);
        machine.View(inPlace ? memory : new PtxMemory(before), before.Length);
        Array.ForEach([call.Rows, call.Packed, call.Outputs, GateStride, call.Stride], machine.Number);
        machine.Run(2);
        float[] products = WarpGroup(call, tile, 2, true, true);
        for (int i = 0; i < output.Length; i++)
        {
            float scale = 1 / (1 + MathF.Exp(-gate[i / call.Stride * GateStride]));
            float expected = i % call.Stride < call.Outputs ? MathF.FusedMultiplyAdd(scale, products[i], before[i]) : inPlace ? before[i] : float.NaN;
            Assert.True(float.IsNaN(expected) ? float.IsNaN(output[i]) : MathF.Abs(output[i] - expected) < 1e-5f, $"{i}: {output[i]}, expected {expected}");
        }
    }

    [Fact]
    public void Wide_and_narrow_tiles_add_in_one_order()
    {
        var call = new Call(70, 264, 200, terms: 2);
        Assert.Equal(WarpGroup(call, "wide", 2, true, true), WarpGroup(call, "narrow", 2, true, true));
    }

    // 132 multiprocessors; tiles of 128 rows.
    [Theory]
    [InlineData(2048, 12288, true)]
    [InlineData(2048, 2048, true)]
    [InlineData(1000, 12352, true)]
    [InlineData(512, 12288, false)]
    [InlineData(333, 2048, false)]
    [InlineData(1152, 2048, true)]
    [InlineData(587, 2048, false)]
    [InlineData(1, 2048, false)]
    public void Tiles_are_as_wide_as_pays(int rows, int outputs, bool wide) =>
        Assert.Equal(wide, LinearMatrixUnits.IsWide(Tiles(rows, outputs, 256), Tiles(rows, outputs, 128), 132));

    [Fact]
    public void A_row_has_the_same_bits_alone()
    {
        var many = new Call(140, 136, 136, terms: 2);
        float[] warp = Warp(many), group = WarpGroup(many, "narrow", 2, true, true);
        foreach (int row in (int[])[0, 63, 64, 127, 139])
        {
            Call alone = many.Only(row);
            Assert.Equal(warp.AsSpan(row * many.Stride, many.Outputs), Warp(alone).AsSpan(0, many.Outputs));
            Assert.Equal(group.AsSpan(row * many.Stride, many.Outputs), WarpGroup(alone, "narrow", 1, true, true).AsSpan(0, many.Outputs));
        }
    }

    [Theory]
    [InlineData("wide")]
    [InlineData("narrow")]
    public void One_term_comes_out_as_bf16(string tile)
    {
        var call = new Call(130, 272, 136, terms: 1);
        ushort[] output = [.. Enumerable.Repeat((ushort)0xffff, call.Rows * call.Stride)];
        PtxMachine machine = Machine("sm_90a", $"linear_warpgroup_{tile}_single", LinearWarpGroup.SharedBytes, true, true);
        Maps(machine, call, new PtxTensor(new PtxMemory(output), 2, call.Rows, call.Outputs, call.Stride, 64)).Run(2);
        for (int i = 0; i < output.Length; i++)
        {
            double expected = call.Expected(i / call.Stride, i % call.Stride);
            Assert.True(i % call.Stride >= call.Outputs ? output[i] == 0xffff : Math.Abs(PtxWarp.Widen(output[i]) - expected) <= (Math.Abs(expected) / 256) + 1e-6);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Activations_become_terms(int terms)
    {
        const int Rows = 3, Inputs = 75, Stride = 80, Padded = 128;
        float[] x = Numbers(Rows * Stride, seed: 3);
        (x[0], x[1], x[2], x[3]) = (3.3895314e38f, float.PositiveInfinity, float.NaN, -1e-30f);
        int[] words = [.. Enumerable.Repeat(-1, Rows * Padded * terms / 2)];
        PtxMachine machine = Machine("sm_90", $"activation_terms_{(terms == 1 ? "single" : "split")}", 0, true, true);
        machine.View(new PtxMemory(x), x.Length);
        machine.View(new PtxMemory(words), words.Length);
        Array.ForEach([Inputs, Padded * terms / 2, Stride], machine.Number);
        machine.Run(Rows);
        for (int i = 0; i < Rows * Padded; i++)
        {
            int row = i / Padded, k = i % Padded;
            float value = k < Inputs ? x[(row * Stride) + k] : 0;
            float hi = BF16.Round(value), lo = terms == 2 ? BF16.Round(value - hi) : 0;
            Assert.Equal(hi, Term(0));
            Assert.Equal(lo, terms == 2 ? Term(1) : 0);

            // Eight bits a term: 2^-9 of the number for one, 2^-17 for both, and half a step at a power of two.
            Assert.True(!float.IsFinite(value) || Math.Abs((double)value - hi - lo) <= Math.Abs(value) * (terms == 1 ? 1.0 / 256 : 1.0 / 65536));

            float Term(int term)
            {
                uint pair = (uint)words[(row * Padded * terms / 2) + (((term * Padded) + k) / 2)];
                return PtxWarp.Widen(k % 2 == 0 ? pair & 0xffff : pair >> 16);
            }
        }
    }

    [Fact]
    public void Two_terms_are_two_hundred_times_as_good_as_one()
    {
        var one = new Call(64, 64, 512, terms: 1);
        var two = new Call(64, 64, 512, terms: 2);
        double single = one.Distance(), both = two.Distance();
        Assert.InRange(single, 5e-4, 4e-3);
        Assert.InRange(both, 1e-9, single / 200);
    }

    [Fact]
    public void The_model_sees_warps_that_wait_too_little()
    {
        string text = Planted(Text("sm_80", "linear_warp"), "cp.async.wait_group 2;", "cp.async.wait_group 3;");
        var call = new Call(5, 16, 328, terms: 2);
        Assert.ThrowsAny<Exception>(() => call.Check(Warp(call, text)));
    }

    [Theory]
    [InlineData("wgmma.wait_group.sync.aligned 1;", "wgmma.wait_group.sync.aligned 2;")]
    [InlineData("wgmma.wait_group.sync.aligned 0;", "")]
    [InlineData("cp.async.bulk.wait_group.read 1;", "cp.async.bulk.wait_group.read 3;")]
    [InlineData("mbarrier.arrive.expect_tx.shared::cta.b64 state, [", "mbarrier.arrive.shared::cta.b64 state, [")]
    public void The_model_sees_warp_groups_that_wait_too_little(string from, string to)
    {
        string text = Planted(Text("sm_90a", "linear_warpgroup_narrow_split"), from, to);
        var call = new Call(5, 300, 520, terms: 2);
        Assert.ThrowsAny<Exception>(() =>
        {
            call.Check(WarpGroup(call, "", 1, false, true, text));
            call.Check(WarpGroup(call, "", 1, true, false, text));
        });
    }

    private static string Planted(string text, string from, string to)
    {
        Assert.Contains(from, text, StringComparison.Ordinal);
        return text.Replace(from, to, StringComparison.Ordinal);
    }

    private static float[] Warp(Call call, string? text = null)
    {
        float[] output = call.NewOutput();
        var machine = new PtxMachine(new PtxProgram(text ?? Text("sm_80", "linear_warp")), WarpProducts.SharedBytes);
        machine.View(new PtxMemory(call.Terms), call.Terms.Length);
        machine.View(new PtxMemory(call.Weight), call.Weight.Length);
        machine.View(new PtxMemory(output), output.Length);
        Array.ForEach([call.Rows, call.Packed, call.Inputs, call.Outputs, call.Stride], machine.Number);
        machine.Run((call.Rows + 127) / 128, (call.Outputs + 127) / 128);
        return output;
    }

    private static float[] WarpGroup(Call call, string tile, int groups, bool lateCopies, bool lateProducts, string? text = null)
    {
        float[] output = call.NewOutput();
        var machine = new PtxMachine(new PtxProgram(text ?? Text("sm_90a", $"linear_warpgroup_{tile}_split")), LinearWarpGroup.SharedBytes) { LateCopies = lateCopies, LateProducts = lateProducts };
        Maps(machine, call, new PtxTensor(new PtxMemory(output), 4, call.Rows, call.Outputs, call.Stride, 64)).Run(groups);
        return output;
    }

    private static PtxMachine Maps(PtxMachine machine, Call call, PtxTensor output)
    {
        machine.Map(new PtxTensor(new PtxMemory(call.Terms), 2, call.Rows, call.Packed, call.Packed, 128));
        machine.Map(new PtxTensor(new PtxMemory(call.Weight), 2, call.Outputs, call.Inputs, call.Inputs, 128));
        machine.Map(output);
        Array.ForEach([call.Rows, call.Packed, call.Outputs], machine.Number);
        return machine;
    }

    private static PtxMachine Machine(string target, string kernel, int sharedBytes, bool lateCopies, bool lateProducts) =>
        new(new PtxProgram(Text(target, kernel)), sharedBytes) { LateCopies = lateCopies, LateProducts = lateProducts };

    private static string Text(string target, string kernel) => Encoding.UTF8.GetString(KernelArchive.Read(target, kernel + ".ptx"));

    private static long Tiles(int rows, int outputs, int columns) => (rows + 127L) / 128 * ((outputs + columns - 1) / columns);

    private static float[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2) - 1))];
    }

    /// <summary>Random activations and weights, and what their product is.</summary>
    private sealed class Call
    {
        private readonly float[] _x;
        private readonly int _terms;

        public Call(int rows, int outputs, int inputs, int terms)
            : this(rows, outputs, inputs, terms, Numbers(rows * inputs, seed: rows + inputs), [.. Numbers(outputs * inputs, seed: outputs).Select(BF16.FromFloat)])
        {
        }

        private Call(int rows, int outputs, int inputs, int terms, float[] x, ushort[] weight)
        {
            (Rows, Outputs, Inputs, _terms, _x, Weight) = (rows, outputs, inputs, terms, x, weight);
            int padded = (inputs + 63) / 64 * 64;
            Packed = padded * terms;
            Terms = new ushort[rows * Packed];
            for (int i = 0; i < x.Length; i++)
            {
                float hi = BF16.Round(x[i]);
                int at = (i / inputs * Packed) + (i % inputs);
                Terms[at] = BF16.FromFloat(hi);
                if (terms == 2)
                {
                    Terms[at + padded] = BF16.FromFloat(x[i] - hi);
                }
            }
        }

        public int Rows { get; }

        public int Outputs { get; }

        public int Inputs { get; }

        public int Packed { get; }

        /// <summary>Outputs of a row and eight that must stay as they are.</summary>
        public int Stride => Outputs + 8;

        public ushort[] Terms { get; }

        public ushort[] Weight { get; }

        public Call Only(int row) => new(1, Outputs, Inputs, _terms, _x[(row * Inputs)..((row + 1) * Inputs)], Weight);

        public float[] NewOutput() => [.. Enumerable.Repeat(float.NaN, Rows * Stride)];

        /// <summary>The sum over the terms, in f64.</summary>
        public double Expected(int row, int output) => output < Outputs ? Sum(row, output, exact: false) : double.NaN;

        /// <summary>How far the terms' product is from that of the activations, relative to its size.</summary>
        public double Distance()
        {
            double off = 0, size = 0;
            for (int i = 0; i < Rows * Outputs; i++)
            {
                double exact = Sum(i / Outputs, i % Outputs, exact: true);
                off += Math.Pow(Sum(i / Outputs, i % Outputs, exact: false) - exact, 2);
                size += exact * exact;
            }

            return Math.Sqrt(off / size);
        }

        /// <summary>Every output is right, and nothing else was written.</summary>
        public void Check(float[] output)
        {
            for (int i = 0; i < output.Length; i++)
            {
                int row = i / Stride, column = i % Stride;
                if (column >= Outputs)
                {
                    Assert.True(float.IsNaN(output[i]), $"something was written beside row {row}");
                }
                else
                {
                    double expected = Expected(row, column);
                    Assert.True(Math.Abs(output[i] - expected) < 1e-5, $"output {column} of row {row} is {output[i]}, expected {expected}");
                }
            }
        }

        private double Sum(int row, int output, bool exact)
        {
            double sum = 0;
            for (int k = 0; k < Inputs; k++)
            {
                int at = (row * Packed) + k;
                double x = exact ? _x[(row * Inputs) + k] : PtxWarp.Widen(Terms[at]) + (_terms == 2 ? PtxWarp.Widen(Terms[at + (Packed / 2)]) : 0.0);
                sum += x * PtxWarp.Widen(Weight[(output * Inputs) + k]);
            }

            return sum;
        }
    }
}
