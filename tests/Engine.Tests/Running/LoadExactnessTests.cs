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
    [InlineData("demo", 60, 3000)]
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
