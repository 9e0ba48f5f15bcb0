using Lean.Comm;
using Lean.Comm.Tests;
using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Tests.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Ranks;

/// <summary>Ranks that misbehave under an engine: late ones change nothing, where one fails nobody waits for ever, and numbers that are not finite are found as on one device.</summary>
public sealed class RankedFaultTests
{
    private static readonly ParallelLayout s_four = new(2, 2, expert: true);

    [Fact]
    public void Ranks_that_come_late_change_no_bit()
    {
        string folder = Layouts.Folder("qwen3-next-moe");
        GenerationRequest[] requests = RankedRequests.All(ModelConfigReader.Read(folder).Vocabulary);
        Sequence[] expected = Run(delaySeed: 0);
        for (int seed = 1; seed <= 3; seed++)
        {
            Sequence[] found = Run(seed);
            for (int i = 0; i < requests.Length; i++)
            {
                Sampling.Requests.MustBe(expected[i], found[i], $"delays {seed}, request {i}");
            }
        }

        Sequence[] Run(int delaySeed)
        {
            using RankedModel model = RankedRequests.Open(folder, s_four, delaySeed);
            using GenerationEngine engine = model.Start(new EngineOptions { CacheMemory = RankedRequests.Memory, MaxSequences = 2, Speculate = 1 });
            return RankedRequests.Run(engine, requests);
        }
    }

    [Fact]
    public void A_rank_that_fails_ends_all_requests()
    {
        int left = 400;
        using RankedModel model = RankedRequests.Open(
            TestData.Demo, s_four, before: rank => _ = rank == 1 && Interlocked.Decrement(ref left) == 0 ? throw new InvalidOperationException("planted") : 0);
        using GenerationEngine engine = model.Start(new EngineOptions { CacheMemory = RankedRequests.Memory });
        GenerationRequest request = RankedRequests.Greedy(9, model.Config.Vocabulary, seed: 1) with { MaxTokens = 1000 };
        Assert.True(engine.TrySubmit(request, null, out Sequence? first));
        Assert.True(engine.TrySubmit(request, null, out Sequence? second));
        const string Why = "rank 1 ended in an error: planted";
        Assert.Equal(Why, Assert.Throws<MachineException>(() => engine.Run(TestContext.Current.CancellationToken)).Message);
        Assert.Equal(Why, engine.Failure);
        Assert.Equal([FinishReason.Shutdown, FinishReason.Shutdown], [first.Finish, second.Finish]);
        Assert.False(engine.TrySubmit(request, null, out _));
    }

    // A rank pauses before and within each collective.
    [Theory]
    [InlineData(401, @"^rank 2 never submitted seq \d+ \(.*\) of step \d+; ranks? .* wait.* there since \d+\.\d s; rank 2 is at step \d+, seq \d+ ")]
    [InlineData(402, @"^every rank of .* submitted seq \d+ \(.*\) of step \d+, but rank 2 did not finish it since \d+\.\d s: it stands still in it")]
    public void A_rank_that_comes_too_late_ends_all_requests_with_the_verdict(int pause, string verdict)
    {
        using var released = new ManualResetEventSlim();
        Standstill? watch = null;
        using RankedModel model = RankedModel.Open(TestData.Demo, new RankOptions
        {
            Layout = s_four,
            Watchdog = TimeSpan.FromMinutes(2),
            Pause = rank =>
            {
                if (rank == 2 && --pause == 0)
                {
                    watch!.Stand();
                    released.Wait();
                }
            },
        });
        var world = (RankWorld)model.Status;
        using Standstill watching = watch = new Standstill(world, 2, () => world.Watch(TimeSpan.FromSeconds(0.5)));
        using GenerationEngine engine = model.Start(new EngineOptions { CacheMemory = RankedRequests.Memory });
        GenerationRequest request = RankedRequests.Greedy(9, model.Config.Vocabulary, seed: 1) with { MaxTokens = 1000 };
        Assert.True(engine.TrySubmit(request, null, out Sequence? sequence));
        var fault = Assert.Throws<MachineException>(() => engine.Run(TestContext.Current.CancellationToken));
        released.Set();
        Assert.Matches(verdict, fault.Message);
        Assert.Equal((fault.Message, FinishReason.Shutdown), (engine.Failure, sequence.Finish));
        string dump = fault.Message[(fault.Message.LastIndexOf(' ') + 1)..^1];
        Assert.Equal([2], Verdict.Of(FlightDump.Load(dump)).Culprits);
        File.Delete(dump);
    }

    [Theory]
    [InlineData(2, 1, false)]
    [InlineData(2, 2, true)]
    public void Numbers_that_are_not_finite_are_found_where_one_device_finds_them(int tensor, int replicas, bool expert)
    {
        const string Fixture = "qwen3.5-moe";
        string[] parts = ["linear_attn.in_proj_qkv", "linear_attn.out_proj", "mlp.gate", "mlp.experts.0.down_proj", "mlp.shared_expert.up_proj", "post_attention_layernorm"];
        string[] names = [.. parts.Select(static part => $"model.layers.2.{part}.weight"), "lm_head.weight"];
        foreach (string name in names)
        {
            using var planted = PlantedCheckpoint.Fill(Fixture, name, PlantedCheckpoint.NaN);
            using var whole = LoadedModel.Open(planted.Folder, CpuBackends.Open(null, "1"));
            using RankedModel ranks = RankedRequests.Open(planted.Folder, new ParallelLayout(tensor, replicas, expert));
            Assert.Equal(Fault(whole), Fault(ranks));
        }

        static string Fault(IEngineSource source)
        {
            using GenerationEngine engine = source.Start(new EngineOptions { CacheMemory = RankedRequests.Memory, MaxSequences = 1 });
            Sequence sequence = RankedRequests.Run(engine, RankedRequests.Greedy(40, source.Config.Vocabulary, seed: 1))[0];
            Assert.Equal(FinishReason.Fault, sequence.Finish);
            return FaultReport.Describe(source.Loaded, sequence.Fault!.Value);
        }
    }
}
