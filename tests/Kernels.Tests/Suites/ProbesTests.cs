using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The loops that show what a device does at best: they have to do what they say, or a share of them means nothing.</summary>
public abstract class ProbesTests<TTarget> where TTarget : IKernelTarget
{
    private const int Parts = 512;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(10)]
    public void Reading_meets_every_word(int times)
    {
        KernelSet set = Set();
        using var arena = new Arena(set);
        int[] words = new int[Parts * Probes.WordsPerPart * times];
        var random = new Random(times);
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = random.Next(int.MinValue, int.MaxValue);
        }

        Tensor parts = arena.Output(DType.I32, new Shape(Parts));
        set.Probes.Read(arena.Input(words, new Shape(words.Length)), parts);
        Assert.Equal(words.Aggregate(static (a, b) => a ^ b), parts.AsSpan<int>().ToArray().Aggregate(static (a, b) => a ^ b));
    }

    [Fact]
    public void Every_chain_runs_its_rounds()
    {
        KernelSet set = Set();
        using var arena = new Arena(set);
        float[] values = [.. Enumerable.Range(0, Parts).Select(static i => i / 64f)];
        Tensor start = arena.Input(values, new Shape(Parts)), none = arena.Output(DType.F32, new Shape(Parts)), some = arena.Output(DType.F32, new Shape(Parts));
        set.Probes.MultiplyAdd(start, 0.5f, 0.5f, 0, none);
        set.Probes.MultiplyAdd(start, 0.5f, 0.5f, 64, some);

        // Without rounds: chain c's start, over all chains and lanes. With enough of them every chain has come to 1.
        float[] before = none.AsSpan<float>().ToArray();
        float lanes = before[64] - before[0];
        Assert.True(lanes is 16 or 192, $"{lanes} chains and lanes");
        float chains = lanes == 16 ? 16 : 12, sum = lanes * (chains - 1) / 2;
        Assert.All(values.Zip(before), v => Assert.Equal((lanes * v.First) + sum, v.Second, 1e-6f * lanes * (v.First + chains)));
        Assert.All(some.AsSpan<float>().ToArray(), v => Assert.Equal(lanes, v));
        Assert.Equal(0, set.Probes.Parts % 256);
        Assert.Equal(0, set.Probes.FlopsPerRound % (2 * (int)lanes));
    }

    [Fact]
    public void Copying_copies_every_byte()
    {
        KernelSet set = Set();
        foreach (int count in (int[])[1, 1000, 1 << 20])
        {
            // Not memory that the host sees too: that is mapped, and a copy on the device would go past the mapping.
            using IDeviceBuffer source = set.Device.Allocate(4L * count), target = set.Device.Allocate(4L * count);
            using var host = new HostBuffer(4L * count);
            Tensor values = host.View(DType.I32, new Shape(count));
            int[] expected = [.. Enumerable.Range(1, count)];
            expected.CopyTo(values.AsSpan<int>());
            set.Queue.CopyToDevice(values, source.View(DType.I32, values.Shape));
            set.Probes.Copy(source.View(DType.I32, values.Shape), target.View(DType.I32, values.Shape));
            set.Queue.Synchronize();
            host.Poison();
            set.Queue.CopyToHost(target.View(DType.I32, values.Shape), values);
            set.Queue.Synchronize();
            Assert.Equal(expected, values.AsSpan<int>().ToArray());
        }
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        KernelSet set = Set();
        using var arena = new Arena(set);
        Tensor words = arena.Output(DType.I32, new Shape(8192)), parts = arena.Output(DType.I32, new Shape(512)), odd = arena.Output(DType.I32, new Shape(100));
        Assert.Contains("256", Assert.Throws<LaunchException>(() => set.Probes.Read(words, odd)).Message, StringComparison.Ordinal);
        Assert.Contains("16 words", Assert.Throws<LaunchException>(() => set.Probes.Read(words.Rows(0, 4096), parts)).Message, StringComparison.Ordinal);
        Assert.Contains("f32 [P]", Assert.Throws<LaunchException>(() => set.Probes.MultiplyAdd(parts, 1, 1, 1, parts)).Message, StringComparison.Ordinal);
    }

    private static KernelSet Set()
    {
        Assert.SkipWhen(TTarget.WhyUnavailable is not null, TTarget.WhyUnavailable ?? "");
        return TTarget.WithThreads(TTarget.Threads);
    }
}
