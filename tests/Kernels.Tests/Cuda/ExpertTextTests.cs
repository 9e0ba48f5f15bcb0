using System.Text;
using Lean.Kernels.Device;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The kernels of experts' prompt rows as this binary carries them, run on the model of a card against f64.</summary>
public sealed class ExpertTextTests
{
    private const int Experts = 3;

    // Rows of the experts' tiles: the sixteens that are multiplied and those that are not, the last place, tiles without rows.
    private static readonly int[] Counts = [1, 0, 16, 17, 0, 33, 64];

    // More than a group's outputs; K that is no multiple of a block, and no more than eight.
    [Theory]
    [InlineData(8, 8)]
    [InlineData(72, 136)]
    [InlineData(200, 24)]
    public void Gates_and_ups_become_terms(int inputs, int width)
    {
        var call = new Call(Counts, inputs, width);
        int[] inner = GateUp(call);
        for (int i = 0; i < call.Places * call.Padded; i++)
        {
            (int place, int n) = (i / call.Padded, i % call.Padded);
            (float hi, float lo) = (Term(inner, call.Padded, place, n, 0), Term(inner, call.Padded, place, n, 1));
            double expected = n < width ? call.Inner(place, n) : 0;
            Assert.True(Math.Abs(hi + (double)lo - expected) <= 2e-5 * (1 + Math.Abs(expected)), $"{n} of place {place} is {hi} and {lo}, expected {expected}");
            Assert.True(Math.Abs(lo) <= Math.Abs(hi) / 256);
            Assert.True(n < width || (hi == 0 && lo == 0));
        }
    }

    [Theory]
    [InlineData(8, 8)]
    [InlineData(136, 300)]
    [InlineData(72, 24)]
    public void Downs_multiply(int inputs, int outputs)
    {
        var call = new Call(Counts, inputs, outputs);
        float[] parts = Down(call);
        for (int i = 0; i < parts.Length; i++)
        {
            double expected = call.Sum(call.Gate, i / outputs, i / outputs, i % outputs);
            Assert.True(Math.Abs(parts[i] - expected) <= 2e-5, $"{i % outputs} of place {i / outputs} is {parts[i]}, expected {expected}");
        }
    }

    [Fact]
    public void A_row_has_the_same_bits_alone()
    {
        var many = new Call(Counts, 72, 40);
        int[] inner = GateUp(many);
        float[] parts = Down(many);
        foreach (int place in (int[])[0, 1, 16, 33, 66, 67, 130])
        {
            Assert.Equal(inner.AsSpan(place * many.Padded, many.Padded), GateUp(many.Only(place, many.Rows[place])).AsSpan());
            Assert.Equal(parts.AsSpan(place * many.Outputs, many.Outputs), Down(many.Only(place, place)).AsSpan());
        }
    }

    [Theory]
    [InlineData("expert_gate_up_warp")]
    [InlineData("expert_down_warp")]
    public void The_model_sees_groups_that_wait_too_little(string kernel)
    {
        string text = Text(kernel);
        Assert.Contains("cp.async.wait_group 2;", text, StringComparison.Ordinal);
        text = text.Replace("cp.async.wait_group 2;", "cp.async.wait_group 3;", StringComparison.Ordinal);
        var call = new Call([5], 328, 16);
        bool up = kernel.Contains("up", StringComparison.Ordinal);
        Assert.ThrowsAny<Exception>(() => Assert.All(up ? GateUp(call, text).Select(w => PtxWarp.Widen((uint)w & 0xffff)) : Down(call, text), v => Assert.True(float.IsFinite(v))));
    }

    // Many experts without rows; one expert that has them all, in two tiles.
    [Theory]
    [InlineData(5, 20, 3)]
    [InlineData(70, 1, 1)]
    [InlineData(40, 6, 2)]
    public void The_op_is_right_and_a_row_has_the_same_bits_alone(int rows, int experts, int topK)
    {
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream);
        float[] expected = Op(ReferenceKernels.Create(kernels.CacheType), rows, experts, topK, 0, rows), found = Op(kernels, rows, experts, topK, 0, rows);
        double off = 0, size = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            off += Math.Pow((double)found[i] - expected[i], 2);
            size += Math.Pow(expected[i], 2);
        }

        Assert.InRange(Math.Sqrt(off / size), 0, 1e-5);
        int width = found.Length / rows, last = rows - 1;
        Assert.Equal(found.AsSpan(last * width, width), Op(kernels, rows, experts, topK, last, 1).AsSpan());
        string[] units = ["activation_terms_wide", "expert_gate_up_warp", "expert_down_warp"];
        Assert.Equal(units, stream.Ran.Where(units.Contains).Take(3));
        Assert.DoesNotContain(stream.Ran, k => k.StartsWith("experts_gate_up_prompt", StringComparison.Ordinal));
    }

    // Some of the rows.
    private static float[] Op(KernelSet set, int rows, int experts, int topK, int first, int count)
    {
        const int Hidden = 72, Width = 40;
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape pairs = new(rows, topK), both = new(experts, 2 * Width, Hidden), single = new(experts, Hidden, Width);
        Tensor x = memory.New("x", DType.F32, new Shape(rows, Hidden), SelfCases.Normal(1, rows * Hidden));
        Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * topK).Select(i => ((i / topK / 4 * 5) + (i % topK)) % experts)]);
        Tensor mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(2, pairs.Count)), output = memory.New("output", DType.F32, new Shape(count, Hidden));
        var weights = ExpertWeights.Fused(
            memory.New("gateUp", DType.BF16, both, SelfCases.Normal(3, both.Count)), memory.New("down", DType.BF16, single, SelfCases.Normal(4, single.Count)));
        Tensor scratch = memory.New("scratch", DType.I8, new Shape(long.Max(64, set.GroupedExperts.ScratchBytes(weights, count, topK))));
        set.GroupedExperts.Run(x.Rows(first, count), weights, chosen.Rows(first, count), mix.Rows(first, count), scratch, output, promptRows: count);
        Assert.Null(memory.Fault());
        return output.AsSpan<float>().ToArray();
    }

    private static int[] GateUp(Call call, string? text = null)
    {
        int[] inner = [.. Enumerable.Repeat(-1, call.Places * call.Padded)];
        PtxMachine machine = Machine(text ?? Text("expert_gate_up_warp"));
        View(machine, call.Terms, call.Terms.Length);
        View(machine, inner, inner.Length);
        View(machine, call.Rows, call.Rows.Length);
        View(machine, call.Tiles, call.Tiles.Length);
        View(machine, call.Gate, call.Gate.Length);
        View(machine, call.Up, call.Up.Length);
        Array.ForEach([call.Packed, call.Padded, call.Stride, call.Stride, call.Inputs, call.Outputs], machine.Number);
        machine.Run((call.Padded + 127) / 128, call.Tiles.Length / 3);
        return inner;
    }

    // The places' terms are those of the rows.
    private static float[] Down(Call call, string? text = null)
    {
        float[] parts = [.. Enumerable.Repeat(float.NaN, call.Places * call.Outputs)];
        PtxMachine machine = Machine(text ?? Text("expert_down_warp"));
        View(machine, call.Terms, call.Terms.Length);
        View(machine, parts, parts.Length);
        View(machine, call.Tiles, call.Tiles.Length);
        View(machine, call.Gate, call.Gate.Length);
        Array.ForEach([call.Packed, call.Outputs, call.Stride, call.Inputs], machine.Number);
        machine.Run((call.Outputs + 255) / 256, call.Tiles.Length / 3);
        return parts;
    }

    private static PtxMachine Machine(string text) => new(new PtxProgram(text), WarpProducts.SharedBytes);

    private static void View(PtxMachine machine, Array array, long count) => machine.View(new PtxMemory(array), count);

    private static string Text(string kernel) => Encoding.UTF8.GetString(KernelArchive.Read("sm_80", kernel + ".ptx"));

    private static float Term(int[] words, int pairs, int place, int n, int term)
    {
        uint pair = (uint)words[(place * pairs) + (term * (pairs / 2)) + (n / 2)];
        return PtxWarp.Widen(n % 2 == 0 ? pair & 0xffff : pair >> 16);
    }

    /// <summary>Rows in tiles, and experts' weights with something between them that nobody may read.</summary>
    private sealed class Call
    {
        private readonly float[] _x;
        private readonly int[] _experts;

        public Call(int[] counts, int inputs, int outputs)
            : this(counts, [.. Enumerable.Range(0, counts.Length).Select(i => i % Experts)], inputs, outputs, SelfCases.Normal(1, counts.Sum() * inputs))
        {
        }

        private Call(int[] counts, int[] experts, int inputs, int outputs, float[] x)
        {
            (Inputs, Outputs, Places, _x) = (inputs, outputs, counts.Sum(), x);
            (Packed, Padded, Stride) = ((inputs + 63) / 64 * 128, (outputs + 63) / 64 * 64, (outputs * inputs) + 8);
            (Gate, Up) = (Weights(2), Weights(3));
            Terms = new ushort[Places * Packed];
            for (int i = 0; i < x.Length; i++)
            {
                int at = (i / inputs * Packed) + (i % inputs);
                Terms[at] = BF16.FromFloat(x[i]);
                Terms[at + (Packed / 2)] = BF16.FromFloat(x[i] - BF16.Round(x[i]));
            }

            // Neighbours in a tile lie apart.
            Rows = [.. Enumerable.Range(0, Places).Select(i => Places - 1 - i)];
            int[] first = [.. counts.Select((_, i) => counts[..i].Sum())];
            Tiles = [.. counts.SelectMany((c, i) => (int[])[experts[i], int.Min(first[i], Places - 1), c])];
            _experts = [.. counts.SelectMany((c, i) => Enumerable.Repeat(experts[i], c))];
        }

        public int Inputs { get; }

        public int Outputs { get; }

        public int Places { get; }

        public int Packed { get; }

        public int Padded { get; }

        public int Stride { get; }

        public int[] Rows { get; }

        public int[] Tiles { get; }

        public ushort[] Terms { get; }

        public ushort[] Gate { get; }

        public ushort[] Up { get; }

        /// <summary>One row with the expert of a place.</summary>
        public Call Only(int place, int row) => new([1], [_experts[place]], Inputs, Outputs, _x[(row * Inputs)..((row + 1) * Inputs)]);

        public double Inner(int place, int n)
        {
            double gate = Sum(Gate, place, Rows[place], n);
            return gate / (1 + Math.Exp(-gate)) * Sum(Up, place, Rows[place], n);
        }

        public double Sum(ushort[] weights, int place, int row, int n)
        {
            double sum = 0;
            for (int k = 0; k < Inputs; k++)
            {
                double x = PtxWarp.Widen(Terms[(row * Packed) + k]) + (double)PtxWarp.Widen(Terms[(row * Packed) + (Packed / 2) + k]);
                sum += x * PtxWarp.Widen(weights[(_experts[place] * Stride) + (n * Inputs) + k]);
            }

            return sum;
        }

        private ushort[] Weights(int seed)
        {
            ushort[] weights = [.. SelfCases.Normal(seed, Experts * Stride).Select(w => BF16.FromFloat(w / MathF.Sqrt(Inputs)))];
            for (int e = 0; e < Experts; e++)
            {
                weights.AsSpan((e * Stride) + (Outputs * Inputs), 8).Fill(0xffff);
            }

            return weights;
        }
    }
}
