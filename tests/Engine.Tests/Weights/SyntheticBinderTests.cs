using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Tests.Weights;

public sealed class SyntheticBinderTests
{
    [Theory]
    [InlineData("model.layers.0.mlp.up_proj.weight", 0, 0.0625)]
    [InlineData("model.layers.0.mlp.gate.weight", 0, 0.125)]
    [InlineData("model.layers.0.input_layernorm.weight", 0, 0.1)]
    [InlineData("model.layers.0.linear_attn.norm.weight", 1, 0.1)]
    [InlineData("model.layers.0.linear_attn.conv1d.weight", 0, 0.5)]
    [InlineData("model.layers.0.linear_attn.dt_bias", 0, 0.1)]
    public void Values_have_the_scale_of_a_trained_model(string name, double mean, double deviation)
    {
        float[] values = Make(7, name, new Shape(512, 256), 2);
        double foundMean = values.Average(v => (double)v);
        double foundDeviation = Math.Sqrt(values.Average(v => (v - foundMean) * (v - foundMean)));
        Assert.Equal(mean, foundMean, deviation * 0.02);
        Assert.Equal(deviation, foundDeviation, deviation * 0.02);
        // Around 1, bf16 itself has only some hundred values.
        Assert.True(values.Distinct().Count() > (mean == 0 ? 1000 : 100));

        // Neighbours, which share a word of randomness, are independent.
        double neighbours = values.Zip(values.Skip(1), (a, b) => (a - mean) * (b - mean)).Average() / (deviation * deviation);
        Assert.InRange(neighbours, -0.02, 0.02);
    }

    [Fact]
    public void Decay_rates_are_logarithms_of_values_up_to_16()
    {
        double[] rates = [.. Make(7, "model.layers.0.linear_attn.A_log", new Shape(4096), 2).Select(v => Math.Exp(v))];
        Assert.InRange(rates.Average(), 7.7, 8.3);
        Assert.InRange(rates.Max(), 15.5, 16.2);
    }

    [Fact]
    public void Content_depends_on_seed_and_name_and_not_on_threads()
    {
        var shape = new Shape(1031, 1021);
        float[] one = Make(7, "a", shape, 1);
        Assert.Equal(one, Make(7, "a", shape, 3));
        Assert.NotEqual(one, Make(8, "a", shape, 3));
        Assert.NotEqual(one, Make(7, "b", shape, 3));
        Assert.Equal(one[..1021], Make(7, "a", new Shape(1, 1021), 1));
    }

    [Theory]
    [InlineData("qwen3-next-moe")]
    [InlineData("qwen3.5-moe")]
    [InlineData("qwen3.5-dense")]
    public void A_whole_model_is_made_and_its_progress_told(string fixture)
    {
        var count = new CountingBinder(Sample.Config(fixture));
        WholeModel.Bind(count, Sample.Config(fixture));
        var progress = new Last();
        using var binder = new SyntheticBinder(Sample.Config(fixture), 1, progress);
        WholeModel.Bind(binder, Sample.Config(fixture));
        Assert.Equal(2 * count.Parameters, binder.Bytes);
        Assert.Equal(binder.Bytes, progress.Value);
    }

    private static float[] Make(ulong seed, string name, Shape shape, int threads)
    {
        using var binder = new SyntheticBinder(Sample.Config("qwen3.5-dense"), seed, threads: threads);
        Tensor tensor = binder.Take(new WeightSpec(name, shape, "[]"));
        return [.. tensor.AsSpan<ushort>().ToArray().Select(DTypes.BF16ToF32)];
    }

    private sealed class Last : IProgress<long>
    {
        public long Value { get; private set; }

        public void Report(long value) => Value = value;
    }
}
