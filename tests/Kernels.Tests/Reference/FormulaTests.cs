using System.Numerics;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The other reference ops against numbers worked out by hand or a second way of writing the formula.</summary>
public sealed class FormulaTests : IDisposable
{
    private readonly KernelSet _set = ReferenceKernels.Create();
    private readonly Arena _arena = new();

    public void Dispose() => _arena.Dispose();

    [Fact]
    public void Embedding_copies_the_rows_asked_for()
    {
        Tensor output = Output(3, 2);
        _set.Embedding.Run(_arena.Input([2, 0, 2], new Shape(3)), _arena.Weight(DType.BF16, [1, 2, 3, 4, 5, 6], new Shape(3, 2)), output);
        Assert.Equal([5f, 6f, 1f, 2f, 5f, 6f], Values(output));
    }

    [Fact]
    public void Gather_copies_the_rows_asked_for()
    {
        Tensor output = Output(2, 2);
        _set.GatherRows.Run(_arena.Strided([1, 2, 3, 4, 5, 6], new Shape(3, 2)), _arena.Input([2, 1], new Shape(2)), output);
        Assert.Equal([5f, 6f, 3f, 4f], Values(output));
    }

    // 2²⁴ + 1 rounds to even, so the order shows: (1 + −1) + …, and a sum in f64 would be 1.
    [Fact]
    public void Part_sum_rounds_after_every_part()
    {
        Tensor output = Output(1, 3);
        _set.PartSum.Run(_arena.Strided([16777216, 1, 1, 1, 16777216, -1, -16777216, -16777216, 16777216], new Shape(3, 3)), output);
        Assert.Equal([0f, 0f, 16777216f], Values(output));
    }

    [Fact]
    public void Add_rms_norm_adds_first_and_scales_by_one_plus_w()
    {
        // (1,1) + (2,3) = (3,4); mean square 12.5, and 12.5 + 3.5 is 16: divided by 4, times 1 + (1, −0.5).
        Tensor residual = _arena.State([1, 1], new Shape(1, 2)), output = Output(1, 2);
        _set.AddRmsNorm.Run(residual, Input([2, 3], 1, 2), Input([1, -0.5f], 2), 3.5f, output);
        Assert.Equal([1.5f, 0.5f], Values(output));
        Assert.Equal([3f, 4f], Values(residual));
    }

    [Fact]
    public void Add_rms_norm_notes_where_a_row_first_was_not_finite()
    {
        Tensor residual = _arena.State([1, float.NaN, 1, 3e38f], new Shape(4, 1)), output = Output(4, 1), faults = _arena.Output(DType.I32, new Shape(4));
        Tensor weight = Input([0], 1);
        _set.AddRmsNorm.Run(residual, default, weight, 0, output, faults, 5);
        Assert.Equal([0, 5, 0, 0], faults.AsSpan<int>().ToArray());
        _set.AddRmsNorm.Run(residual, Input([1, 1, float.NegativeInfinity, 0], 4, 1), weight, 0, output, faults, 6);
        Assert.Equal([0, 5, 6, 0], faults.AsSpan<int>().ToArray());
        _set.AddRmsNorm.Run(residual, Input([1, 1, float.PositiveInfinity, 3e38f], 4, 1), weight, 0, output, faults, 7);
        Assert.Equal([0, 5, 6, 7], faults.AsSpan<int>().ToArray());
    }

    [Fact]
    public void Gated_rms_norm_scales_each_head_by_w_and_silu()
    {
        // Heads (3,4) and (0,0) with ε 3.5: (0.75, 1) and 0; silu(0) = 0 and silu(ln 3) = ¾ ln 3.
        float log3 = MathF.Log(3);
        Tensor output = Output(1, 4);
        _set.GatedRmsNorm.Run(Input([3, 4, 0, 0], 1, 4), Input([0, log3, log3, log3], 1, 4), Input([2, 4], 2), 3.5f, output);
        Assert.Equal([0f, 3 * log3, 0f, 0f], Values(output), Near);
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.BF16)]
    public void Linear_of_whole_numbers_is_exact(DType type)
    {
        // W = [1 2; 3 4; 5 6; −1 0] in two pieces, the second first.
        Tensor top = _arena.Weight(type, [1, 2, 3, 4], new Shape(2, 2)), bottom = _arena.Weight(type, [5, 6, -1, 0], new Shape(2, 2));
        Tensor output = Output(2, 4);
        _set.Linear.Run(_arena.Strided([1, 10, -2, 3], new Shape(2, 2)), new LinearWeight(bottom, top), output, promptRows: 0);
        Assert.Equal([65f, -1f, 21f, 43f, 8f, 2f, 4f, 6f], Values(output));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(2048)]
    public void A_running_f32_sum_lies_within_linears_tolerance(int inputs)
    {
        // The worst order that an implementation could choose must pass, and sums without rounding must agree with decimals.
        float[] x = Numbers.Normal(900, 3 * inputs), w = Numbers.Normal(901, 50 * inputs, 1 / Math.Sqrt(inputs));
        Tensor output = Output(3, 50);
        _set.Linear.Run(Input(x, 3, inputs), new LinearWeight(_arena.Weight(DType.F32, w, new Shape(50, inputs))), output, promptRows: 0);
        for (int i = 0; i < 150; i++)
        {
            float sum = 0;
            decimal exact = 0;
            for (int k = 0; k < inputs; k++)
            {
                float a = x[(i / 50 * inputs) + k], b = w[(i % 50 * inputs) + k];
                sum += a * b;
                exact += (decimal)(double)a * (decimal)(double)b;
            }

            double found = Values(output)[i];
            Tolerance allowed = Tolerance.Sum(inputs);
            Assert.True(Math.Abs(found - (double)exact) <= 1e-12 + (1e-7 * Math.Abs(found)), $"element {i}: expected {exact}, found {found}");
            Assert.True(Math.Abs(sum - found) <= allowed.Absolute + (allowed.Relative * Math.Abs(found)), $"element {i}: expected {found}, f32 gives {sum}");
        }
    }

    [Fact]
    public void Rotary_table_holds_cosines_then_sines()
    {
        Tensor table = Output(2, 4);
        _set.RotaryTable.Run(_arena.Input([0, 3], new Shape(2)), Input([MathF.PI / 6, MathF.PI / 3], 2), 2, table);
        Assert.Equal([2f, 2f, 0f, 0f, 0f, -2f, 2f, 0f], Values(table), Near);
    }

    [Fact]
    public void A_large_angle_is_rounded_to_f32_before_its_cosine()
    {
        Tensor table = Output(1, 2);
        _set.RotaryTable.Run(_arena.Input([262143], new Shape(1)), Input([0.7f], 1), 1, table);
        float angle = 262143f * 0.7f;
        Assert.Equal((float)Complex.FromPolarCoordinates(1, angle).Real, Values(table)[0], Near);
        Assert.NotEqual((float)Math.Cos(262143.0 * 0.7f), Values(table)[0], Near);
    }

    [Fact]
    public void Prepare_attention_normalises_rotates_and_files()
    {
        // Pairs (x_0, x_2) and (x_1, x_3) are complex numbers, turned by the angle; x_4 passes.
        AttentionShape shape = new(2, 1, 5);
        float[] row = Numbers.Normal(910, shape.ProjectedWidth), norm = [0, 0.5f, -0.5f, 1, 2];
        double[] angles = [0.3, 2];
        Tensor keys = _arena.Output(DType.F32, shape.KeyCache(3)), values = _arena.Output(DType.F32, shape.ValueCache(3)), queries = Output(1, 10);
        float[] table = [.. angles.Select(a => (float)Math.Cos(a)), .. angles.Select(a => (float)Math.Sin(a))];
        _set.PrepareAttention.Run(
            shape, Input(row, 1, row.Length), Input(norm, 5), Input(norm, 5), 1e-6f, Input(table, 1, 4), _arena.Input([64 + 7], new Shape(1)), keys, values, queries);

        Assert.Equal(Expected(0), Values(queries)[..5], Near);
        Assert.Equal(Expected(10), Values(queries)[5..], Near);
        float[] key = [.. Enumerable.Range(0, 5).Select(d => Values(keys)[(((1 * 5) + d) * 64) + 7])];
        Assert.Equal(Expected(20), key, Near);
        Assert.Equal(row[25..30], Values(values)[((64 + 7) * 5)..((64 + 8) * 5)]);
        Assert.Equal(5, Values(keys).Count(x => !float.IsNaN(x)));
        Assert.Equal(5, Values(values).Count(x => !float.IsNaN(x)));

        float[] Expected(int first)
        {
            double rms = Math.Sqrt((row[first..(first + 5)].Sum(x => (double)x * x) / 5) + 1e-6);
            double[] y = [.. Enumerable.Range(0, 5).Select(d => row[first + d] / rms * (1 + norm[d]))];
            Complex[] turned = [.. angles.Select((a, i) => new Complex(y[i], y[i + 2]) * Complex.FromPolarCoordinates(1, a))];
            return [(float)turned[0].Real, (float)turned[1].Real, (float)turned[0].Imaginary, (float)turned[1].Imaginary, (float)y[4]];
        }
    }

    [Fact]
    public void Paged_attention_is_softmax_by_its_definition()
    {
        AttentionShape shape = new(4, 2, 3);
        var stream = new AttentionStream(920, shape, 140);
        Outputs found = AttentionCases.Run(_set, _arena, shape, [new AttentionCases.Part(stream, 50, 90)], 1);
        float[] values = found["output"].Values;
        for (int i = 0; i < 90 * 12; i++)
        {
            int position = 50 + (i / 12), head = i % 12 / 3, d = i % 3, kv = head / 2;
            double[] weights = [.. Enumerable.Range(0, position + 1).Select(j =>
                Math.Exp(Enumerable.Range(0, 3).Sum(c => (double)stream.Queries[(position * 12) + (head * 3) + c] * stream.Keys[(j * 6) + (kv * 3) + c]) / Math.Sqrt(3)))];
            double mixed = weights.Select((w, j) => w / weights.Sum() * stream.Values[(j * 6) + (kv * 3) + d]).Sum();
            double gate = stream.Projected[(position * shape.ProjectedWidth) + (head * 6) + 3 + d];
            Assert.Equal((float)(mixed / (1 + Math.Exp(-gate))), values[i], Near);
        }
    }

    [Fact]
    public void A_convolution_in_calls_is_the_convolution_of_the_whole_line()
    {
        // The whole line behind W − 1 zeros, the taps reversed: polynomial multiplication.
        const int Channels = 3, Taps = 4, Length = 11;
        float[] x = Numbers.Normal(600, Length * Channels), w = Numbers.Normal(71, Channels * Taps, 0.5);
        var calls = new List<Outputs>();
        int[] cut = [2, 1, 1, 5, 2];
        for (int i = 0, from = 0; i < cut.Length; from += cut[i++])
        {
            var part = new ConvolutionCases.Part(600, from, cut[i], i == 0 ? null : calls[^1]["history"].Values);
            calls.Add(ConvolutionCases.Run(_set, _arena, Channels, Taps, [part], i)[0]);
        }

        float[] found = Outputs.Consecutive(calls)["output"].Values;
        for (int i = 0; i < found.Length; i++)
        {
            int t = i / Channels, c = i % Channels;
            double sum = Enumerable.Range(0, Taps).Where(back => back <= t).Sum(back => (double)w[(c * Taps) + Taps - 1 - back] * x[((t - back) * Channels) + c]);
            Assert.Equal((float)(sum / (1 + Math.Exp(-sum))), found[i], Near);
        }

        Assert.Equal(x[((Length - Taps + 1) * Channels)..], calls[^1]["history"].Values);
        Assert.Equal([0f, 0f, 0f, .. x[..(2 * Channels)]], calls[0]["history"].Values);
    }

    [Fact]
    public void The_router_takes_the_largest_and_the_lower_of_equals()
    {
        // exp of ln 1, ln 4, ln 2, ln 4, ln 5 is 1, 4, 2, 4, 5, of 16 in all.
        float[] logits = [0, MathF.Log(4), MathF.Log(2), MathF.Log(4), MathF.Log(5)];
        Outputs raw = ExpertCases.Route(_set, _arena, logits, 5, 3, renormalise: false);
        Assert.Equal([4, 1, 3], raw["experts"].Bits);
        Assert.Equal([5 / 16f, 4 / 16f, 4 / 16f], raw["weights"].Values, Near);
        Assert.Equal([5 / 13f, 4 / 13f, 4 / 13f], ExpertCases.Route(_set, _arena, logits, 5, 3, renormalise: true)["weights"].Values, Near);
        logits[2] = float.NaN;
        Outputs faulty = ExpertCases.Route(_set, _arena, logits, 5, 3, renormalise: true);
        Assert.Equal([0, 1, 2], faulty["experts"].Bits);
        Assert.All(faulty["weights"].Values, w => Assert.True(float.IsNaN(w)));
    }

    [Fact]
    public void Grouped_experts_mix_what_single_mlps_give()
    {
        // Row by row through the dense MLP of each chosen expert, weighted by hand.
        const int Rows = 6, Hidden = 7, Width = 5, Experts = 4;
        Tensor gateUp = _arena.Weight(DType.F32, Numbers.Normal(1, Experts * 2 * Width * Hidden), new Shape(Experts, 2 * Width, Hidden));
        Tensor down = _arena.Weight(DType.F32, Numbers.Normal(2, Experts * Hidden * Width), new Shape(Experts, Hidden, Width));
        Tensor x = Input(Numbers.Normal(3, Rows * Hidden), Rows, Hidden), output = Output(Rows, Hidden);
        int[] chosen = [.. Enumerable.Range(0, Rows).SelectMany(t => new[] { t % Experts, (t + 2) % Experts })];
        float[] mix = Numbers.Normal(4, Rows * 2);
        _set.GroupedExperts.Run(x, ExpertWeights.Fused(gateUp, down), _arena.Input(chosen, new Shape(Rows, 2)), Input(mix, Rows, 2), default, output, 0);

        float[][] single = [.. Enumerable.Range(0, Experts).Select(e =>
        {
            Tensor y = Output(Rows, Hidden);
            _set.GatedMlp.Run(x, new LinearWeight(gateUp.Slice(e)), new LinearWeight(down.Slice(e)), default, default, Output(Rows, 2 * Width), y, 0);
            return Values(y);
        })];
        for (int i = 0; i < Rows * Hidden; i++)
        {
            int t = i / Hidden;
            float expected = (mix[2 * t] * single[chosen[2 * t]][i]) + (mix[(2 * t) + 1] * single[chosen[(2 * t) + 1]][i]);
            Assert.Equal(expected, Values(output)[i], 2e-5f);
        }
    }

    [Fact]
    public void Gated_mlp_worked_by_hand()
    {
        // gate·x = ln 3, up·x = 4: silu(ln 3)·4 = 3 ln 3; down (1, 2); half of it, since sigmoid(0) = ½; plus (10, 20).
        float log3 = MathF.Log(3);
        Tensor output = Output(1, 2);
        _set.GatedMlp.Run(
            Input([1, 2], 1, 2), new LinearWeight(_arena.Weight(DType.F32, [log3, 0, 0, 2], new Shape(2, 2))),
            new LinearWeight(_arena.Weight(DType.BF16, [1, 2], new Shape(2, 1))), Input([0], 1, 1), Input([10, 20], 1, 2), Output(1, 2), output, 0);
        Assert.Equal([10 + (1.5f * log3), 20 + (3 * log3)], Values(output), (a, b) => Math.Abs(a - b) < 2e-6f);
    }

    // The same logit twice, half of its rank's sum and a quarter: so a sixth of both; and a row of which a rank has no token.
    [Fact]
    public void Picks_of_ranks_are_joined_by_their_logits_and_sums()
    {
        int[] picks = [5, Bits(2), Bits(MathF.Log(0.5f)), -1, Bits(float.NaN), Bits(float.NaN), 9, Bits(2), Bits(MathF.Log(0.25f)), 8, Bits(1), Bits(0)];
        Tensor tokens = _arena.Output(DType.I32, new Shape(2)), values = _arena.Output(DType.F32, new Shape(2));
        _set.RankPicks.Merge(_arena.Input(picks, new Shape(4, 3)), tokens, values);
        Assert.Equal([5, -1], tokens.AsSpan<int>().ToArray());
        Assert.Equal(MathF.Log(1f / 6), values.AsSpan<float>()[0], 1e-6f);
        Assert.True(float.IsNaN(values.AsSpan<float>()[1]));

        static int Bits(float value) => BitConverter.SingleToInt32Bits(value);
    }

    [Fact]
    public void Greedy_pick_takes_the_first_of_equals_and_reports_faults()
    {
        float log2 = MathF.Log(2), log5 = MathF.Log(5);
        float[] logits = [0, log2, log5, log5, -1, -1, -1, -1, 0, 1, float.NaN, 0, 0, 1, 2, float.NegativeInfinity];
        Outputs found = GreedyCases.Pick(_set, _arena, logits, 4);
        Assert.Equal([2, 0, -1, -1], found["tokens"].Bits);
        Assert.Equal(log5 - MathF.Log(13), found["log_probabilities"].Values[0], Near);
        Assert.Equal(-MathF.Log(4), found["log_probabilities"].Values[1], Near);
        Assert.True(float.IsNaN(found["log_probabilities"].Values[2]) && float.IsNaN(found["log_probabilities"].Values[3]));
    }

    private static bool Near(float expected, float found) => Math.Abs(found - expected) <= 4e-7f * Math.Max(1, Math.Abs(expected));

    private static float[] Values(Tensor tensor) => tensor.AsSpan<float>().ToArray();

    private Tensor Input(float[] values, params long[] extents) => _arena.Input(values, Shape.Of(extents));

    private Tensor Output(params long[] extents) => _arena.Output(DType.F32, Shape.Of(extents));
}
