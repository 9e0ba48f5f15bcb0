using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Tests.Grammars;
using Lean.Engine.Text;
using Lean.Kernels;

namespace Lean.Engine.Tests.Forward;

/// <summary>What a step allocates. Runs with no other test beside it, since all threads are counted.</summary>
[Collection(nameof(AloneCollection))]
public sealed class AllocationTests
{
    [Theory]
    [InlineData(false, "cpu", 0)]
    [InlineData(true, "cpu", 0)]
    [InlineData(false, "cpu", 3)]
    [InlineData(true, "cpu", 3)]
    [InlineData(false, "opencl", 0)]
    [InlineData(true, "opencl", 0)]
    [InlineData(true, "opencl", 3)]
    public void A_warm_decode_step_allocates_nothing(bool sampled, string device, int drafts)
    {
        string? declined = null;
        Assert.SkipWhen(device == "opencl" && OpenCLDevices.List(out declined).Count == 0, declined ?? "there is no OpenCL device");
        using LoadedModel model = LoadedModel.Open(
            TestData.Demo, device == "cpu" ? ComputeDevice.Of(CpuBackends.Open()) : ComputeDevice.Of(OpenCLDevices.Open(0)));
        var tokenizer = Tokenizer.Load(TestData.Demo);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 8).Select(i => new GenerationRequest
        {
            Prompt = Prompts.Random(70 + i, 2048, i),
            MaxTokens = 64 * (1 + drafts),
            IgnoreEndOfSequence = true,
            Drafter = i % 4 == 2 ? DrafterKind.Lookup : null,
            Sampling = sampled && i == 3 ? Written() : sampled ? Sampled(i) : SamplingParameters.Greedy,
        })];

        OutputText[] texts = [.. requests.Select(r => new OutputText(tokenizer, r.Sampling.Stop, r.Sampling.MinTokens))];
        using var engine = new GenerationBatch(model.Model, model.Ops, requests, new EngineOptions { Speculate = drafts });

        // With drafts there are so many tokens that texts outgrow their first room, which doubles.
        engine.TokenChosen = drafts > 0 ? null : index => texts[index].Append(engine.Sequences[index].Output[^1]);
        for (int i = 0; i < 8; i++)
        {
            Assert.True(engine.Step());
        }

        // All threads are counted, since the workers run kernels too; the test runner's own may allocate in a window, but
        // a step that allocates does so in every one. A device has no workers, and is slow enough for the runner to be about.
        Func<long> allocated = device == "cpu" ? static () => GC.GetTotalAllocatedBytes(precise: true) : GC.GetAllocatedBytesForCurrentThread;
        long least = long.MaxValue;
        for (int window = 0; window < 3; window++)
        {
            long before = allocated();
            for (int i = 0; i < 16; i++)
            {
                Assert.True(engine.Step());
            }

            least = long.Min(least, allocated() - before);
        }

        Assert.Equal(0, least);
    }

    [Theory]
    [InlineData("cpu", 0)]
    [InlineData("cpu", 3)]
    [InlineData("opencl", 0)]
    public void Requests_that_come_end_and_give_way_to_each_other_allocate_nothing_in_a_step(string device, int drafts)
    {
        string? declined = null;
        Assert.SkipWhen(device == "opencl" && OpenCLDevices.List(out declined).Count == 0, declined ?? "there is no OpenCL device");
        using LoadedModel model = LoadedModel.Open(
            TestData.Path("fixtures/qwen3-next-moe"), device == "cpu" ? ComputeDevice.Of(CpuBackends.Open()) : ComputeDevice.Of(OpenCLDevices.Open(0)));

        // Caches that are too small for all: prefix hits, evictions, preemptions and replays, with sampling.
        var plan = new CachePlan(9, 4, 4, default, drafts);
        using var engine = new GenerationEngine(model.Model.Config, new ModelRunner(model.Model, model.Ops, plan), plan, new EngineOptions { MaxStepTokens = 128 });
        var random = new Random(1);
        int[][] prompts = [.. Enumerable.Range(0, 4).Select(i => Prompts.Random(30 + (70 * i), 256, i))];
        long least = long.MaxValue;
        for (int window = 0; window < 6; window++)
        {
            long allocated = 0;
            for (int step = 0; step < 120; step++)
            {
                if (engine.Open < 6)
                {
                    int i = random.Next(prompts.Length);
                    Assert.True(engine.TrySubmit(new GenerationRequest { Prompt = prompts[i], MaxTokens = 40, IgnoreEndOfSequence = true, Drafter = i == 1 ? DrafterKind.Lookup : null, Sampling = Sampled(i) with { Stop = [] } }, null, out _));
                }

                long before = GC.GetAllocatedBytesForCurrentThread();
                Assert.True(engine.Step());
                allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            }

            least = long.Min(least, allocated);
        }

        EngineStatistics found = engine.Statistics;
        Assert.True(found.Preemptions > 10 && found.Cache.Hits > 10 && found.Cache.BlockEvictions > 10, $"{found}");
        Assert.Equal(0, least);
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 2)]
    public void A_warm_step_on_ranks_allocates_nothing_on_any_of_them(bool exchanges, int drafts)
    {
        using RankedModel model = RankedModel.Open(
            TestData.Path("fixtures/qwen3.5-moe"), new RankOptions { Layout = new ParallelLayout(2, 2, expert: true), Dispatch = exchanges ? DispatchKind.Exchange : DispatchKind.Gather });
        using GenerationEngine engine = model.Start(new EngineOptions { CacheMemory = 4 << 20, MaxSequences = 2, Speculate = drafts, KeepsPrefixes = false });
        for (int i = 0; i < 4; i++)
        {
            Assert.True(engine.TrySubmit(
                new GenerationRequest { Prompt = Prompts.Random(9 + i, 250, i), MaxTokens = 200, IgnoreEndOfSequence = true, Sampling = i < 2 ? SamplingParameters.Greedy : drafts == 0 ? Sampled(i) with { Stop = [] } : new SamplingParameters { Temperature = 0.9, TopP = 0.9, Seed = i } },
                null,
                out _));
        }

        for (int i = 0; i < 24; i++)
        {
            Assert.True(engine.Step());
        }

        // The ranks' threads are counted too; what the test runner allocates, and a step of a new shape, are not in every window.
        long least = long.MaxValue;
        for (int window = 0; window < 4; window++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < 8; i++)
            {
                Assert.True(engine.Step());
            }

            least = long.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Assert.Equal(0, least);
    }

    // Everything at once: filters, penalties, biases, bans, alternatives, and stop strings that do not come.
    // A string of a grammar that goes on, since its end is never chosen.
    private static SamplingParameters Written() => new()
    {
        Grammar = JsonSchemaTests.Compile("""{"type":"string","pattern":"^[a-z ,.]*$"}"""),
        LogitBias = [new TokenBias(JsonSchemaTests.Tokens.Encode("\"", SpecialTokens.AsText)[0], -100)],
    };

    private static SamplingParameters Sampled(int i) => new()
    {
        Temperature = i % 4 == 3 ? 0 : 0.5 + (0.2 * i),
        Seed = i,
        TopK = 50,
        TopP = 0.95,
        MinP = 0.01,
        RepetitionPenalty = 1.1,
        PresencePenalty = 0.2,
        FrequencyPenalty = 0.1,
        LogitBias = [new TokenBias(5, 1f)],
        StopTokenIds = [41],
        MinTokens = 40,
        Stop = ["no such text", "nor this"],
        Alternatives = 5,
    };
}
