using Lean.Comm;
using Lean.Engine.Bench;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Tests.Bench;

/// <summary>What <c>lean bench decode --profile</c> says of a step's kernels, and <c>prefill --profile</c> of a prompt's.</summary>
public sealed class StepProfileTests
{
    [Fact]
    public void A_step_of_the_demo_is_told_kernel_by_kernel()
    {
        var ranks = new RankOptions { Layout = new ParallelLayout(1, 1, expert: false), Profiles = true };
        using BenchModel model = BenchModel.Open(TestData.Demo, synthetic: null, layers: null, seed: 1, "opencl", ranks);
        DecodeFigure figure = DecodeBench.Measure(
            model, new DecodeRun(Batch: 2, Context: 3, Steps: 2, Seed: 1, Speculation.Off, Acceptance: null, Averages: true, StepTokens: null, Text: null));

        // Alike in every step: whole numbers of launches, a router for each layer, one embedding.
        Assert.All(figure.Kernels, static k => Assert.True(k.Launches == Math.Round(k.Launches) && k.Seconds > 0, k.Kernel));
        Assert.Equal(1, figure.Kernels.Single(static k => k.Kernel.StartsWith("embedding", StringComparison.Ordinal)).Launches);
        Assert.Equal(2 * model.Config.Layers + 1, figure.Kernels.Where(static k => k.Kernel.StartsWith("add_rms_norm", StringComparison.Ordinal)).Sum(static k => k.Launches));
        Assert.True(figure.StepSeconds >= figure.Kernels.Sum(static k => k.Seconds), "a step is at least as long as its kernels");
        Assert.Equal(figure.Kernels.OrderByDescending(static k => k.Seconds), figure.Kernels);
    }

    // Whole prompts alone count, also where they take several steps.
    [Fact]
    public void A_prompt_of_the_demo_is_told_kernel_by_kernel()
    {
        var ranks = new RankOptions { Layout = new ParallelLayout(1, 1, expert: false), Profiles = true };
        using BenchModel model = BenchModel.Open(TestData.Demo, synthetic: null, layers: null, seed: 1, "opencl", ranks);
        PrefillFigure figure = PrefillBench.Measure(model, tokens: 100, seed: 1, stepTokens: 64);
        Assert.All(figure.Kernels, static k => Assert.True(k.Launches == Math.Round(k.Launches) && k.Seconds > 0, k.Kernel));
        Assert.Equal(2, figure.Kernels.Single(static k => k.Kernel.StartsWith("embedding", StringComparison.Ordinal)).Launches);
        Assert.Equal(figure.Kernels.OrderByDescending(static k => k.Seconds), figure.Kernels);
    }

    [Fact]
    public void A_run_that_does_not_ask_has_no_kernels()
    {
        using BenchModel model = BenchModel.Open(TestData.Demo, synthetic: null, layers: null, seed: 1, "cpu", new RankOptions { Layout = new ParallelLayout(1, 1, expert: false) });
        Assert.Empty(DecodeBench.Measure(
            model, new DecodeRun(Batch: 1, Context: 3, Steps: 1, Seed: 1, Speculation.Off, Acceptance: null, Averages: false, StepTokens: null, Text: null)).Kernels);
        Assert.Empty(PrefillBench.Measure(model, tokens: 3, seed: 1, stepTokens: null).Kernels);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("cpu")]
    public void The_CPU_has_no_kernels_to_time(string? device) =>
        Assert.Contains("expected --device cuda", Assert.Throws<InputException>(() => DeviceChoice.Open(device, profiles: true)).Message, StringComparison.Ordinal);
}
