using Lean.Engine.Bench.Load;
using Lean.Engine.Running;
using Lean.Kernels;

namespace Lean.Engine.Tests.Running;

/// <summary>
/// The promise under load: whatever mixture of company, cuts, prefix hits, evictions, preemptions and cancels a request
/// meets, its tokens and their log-probabilities are those it gets alone, bit for bit.
/// </summary>
public sealed class LoadExactnessTests
{
    [Theory]
    [InlineData("demo", 40, 3000)]
    [InlineData("qwen3-next-moe", 60, 1000)]
    [InlineData("qwen3.5-moe", 60, 1000)]
    [InlineData("qwen3.5-dense", 60, 1000)]
    public void A_request_gives_what_it_gives_alone(string name, int distinct, int longest)
    {
        using var model = LoadedModel.Open(name == "demo" ? TestData.Demo : TestData.Path($"fixtures/{name}"), CpuBackends.Open());
        Check(model, distinct, longest, requests: 100);
    }

    [Fact]
    public void On_a_device_too()
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "there is no OpenCL device");
        using LoadedModel model = LoadedModel.Open(TestData.Path("fixtures/qwen3-next-moe"), ComputeDevice.Of(OpenCLDevices.Open(0)));
        Check(model, distinct: 16, longest: 300, requests: 25);
    }

    [Theory]
    [InlineData("demo", 120, 250, 150)]
    [InlineData("qwen3.5-moe", 130, 0, 15)]
    public void Whatever_the_schedule(string name, int schedules, int onDevice, int onHost)
    {
        using var model = LoadedModel.Open(name == "demo" ? TestData.Demo : TestData.Path($"fixtures/{name}"), CpuBackends.Open());
        CheckSchedules(model, schedules, distinct: 40, onDevice, onHost);
    }

    [Fact]
    public void Whatever_the_schedule_on_a_device()
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "there is no OpenCL device");
        using LoadedModel model = LoadedModel.Open(TestData.Demo, ComputeDevice.Of(OpenCLDevices.Open(0)));
        CheckSchedules(model, schedules: 6, distinct: 12, onDevice: 3, onHost: 10);
    }

    // Each is an engine of its own with limits of its own: few requests, so that many combinations come to pass. What is
    // drafted at the head or looked up, penalised, written under a grammar, kept from ending or ended by its reader runs together.
    private static void CheckSchedules(LoadedModel model, int schedules, int distinct, long onDevice, long onHost)
    {
        var pool = new LoadPool(model, distinct, longest: 130, seed: 7);
        var random = new Random(4);
        (long Device, long Host) accepted = (0, 0);
        long hits = 0, preemptions = 0, cancelled = 0;
        for (int i = 0; i < schedules; i++)
        {
            LoadPhase phase = LoadPhase.Any(pool, random);
            using GenerationEngine engine = phase.Engine(model, i % 2 == 0 ? null : new RandomDepth(i, phase.Drafts));
            var run = new LoadRun(pool, engine, random);
            run.Run(requests: random.Next(2, 14));
            Assert.True(run.Difference is null, $"schedule {i}, {phase}: {run.Difference}");
            accepted = (accepted.Device + run.Accepted.All - run.Accepted.OnHost, accepted.Host + run.Accepted.OnHost);
            (hits, preemptions, cancelled) = (hits + engine.Statistics.Cache.Hits, preemptions + engine.Statistics.Preemptions, cancelled + run.Cancelled);
        }

        // Of the fixtures' random weights no head can foretell anything, but their texts repeat themselves.
        Assert.True(hits >= schedules / 10 && preemptions >= schedules / 10 && cancelled >= schedules / 2, $"{hits} prefix hits, {preemptions} preemptions, {cancelled} cancels");
        Assert.True(accepted.Device >= onDevice && accepted.Host >= onHost, $"{accepted} drafts were right");
    }

    private static void Check(LoadedModel model, int distinct, int longest, int requests)
    {
        var pool = new LoadPool(model, distinct, longest, seed: 5);
        long ended = 0, hits = 0, preemptions = 0, evictions = 0;
        foreach (LoadPhase phase in LoadPhase.All(pool))
        {
            using GenerationEngine engine = phase.Engine(model);
            var run = new LoadRun(pool, engine, new Random(3));
            run.Run(requests);
            Assert.True(run.Difference is null, $"{phase}: {run.Difference}");
            EngineStatistics s = engine.Statistics;
            (ended, hits) = (ended + run.Ended - run.Cancelled, hits + s.Cache.Hits);
            (preemptions, evictions) = (preemptions + s.Preemptions, evictions + s.Cache.BlockEvictions);
        }

        // The load was one: most were not cancelled, and everything that could disturb them happened.
        Assert.InRange(ended, requests * 4, requests * 6);
        Assert.InRange(hits, requests / 5, long.MaxValue);
        Assert.InRange(preemptions, requests / 25, long.MaxValue);
        Assert.InRange(evictions, requests / 5, long.MaxValue);
    }
}
