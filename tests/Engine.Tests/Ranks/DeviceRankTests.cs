using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Engine.Tests.Forward;
using Lean.Kernels;

namespace Lean.Engine.Tests.Ranks;

/// <summary>
/// Ranks whose tensors lie in a device's memory: the machine's first OpenCL device, all ranks on it, collectives through host memory.
/// The text is that of one device, and company and drafts change no bit.
/// </summary>
public sealed class DeviceRankTests
{
    // Devices keep bf16 where a CPU has f32, and sums of ranks have another order.
    private const float Near = 0.05f;

    [Theory]
    [InlineData("qwen3.5-moe", 2, 1, false)]
    [InlineData("qwen3-next-moe", 1, 2, true)]
    [InlineData("qwen3.5-moe", 2, 2, true)]
    public void Devices_write_the_text_and_company_changes_no_bit(string name, int tensor, int replicas, bool expert)
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "there is no OpenCL device");
        string folder = Layouts.Folder(name);
        GenerationRequest[] requests = RankedRequests.All(ModelConfigReader.Read(folder).Vocabulary);
        var options = new RankOptions { Layout = new ParallelLayout(tensor, replicas, expert), Device = "opencl", Watchdog = TimeSpan.FromMinutes(2) };
        Sequence[] expected = OnOneDevice(folder, requests);
        using RankedModel model = RankedModel.Open(folder, options);
        using GenerationEngine engine = model.Start(new EngineOptions { CacheMemory = RankedRequests.Memory, MaxSequences = 3, Speculate = 2 });

        Sequence[] alone = [.. requests.Select(r => RankedRequests.Run(engine, r with { Speculate = 0 })[0])];
        Sequence[] together = RankedRequests.Run(engine, requests);
        for (int i = 0; i < requests.Length; i++)
        {
            if (requests[i].Sampling.Temperature == 0)
            {
                RankedRequests.MustBeText(expected[i], alone[i], $"{name}, {options.Layout}, request {i}", Near);
            }

            Sampling.Requests.MustBe(alone[i], together[i], $"{name}, {options.Layout}, request {i} in company");
        }

        Assert.True(engine.Drafts.Verifications > 0);
    }

    [Theory]
    [InlineData("qwen3.5-moe", 2, 1, false)]
    [InlineData("qwen3-next-moe", 2, 2, true)]
    public void Devices_score_a_text_as_one_does(string name, int tensor, int replicas, bool expert)
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "there is no OpenCL device");
        string folder = Layouts.Folder(name);
        int[] text = Layouts.Texts(folder, 70)[0];
        var options = new ScoreOptions { Logits = true, MtpDepth = 2 };
        using LoadedModel model = LoadedModel.Open(folder, DeviceChoice.Open("opencl"));
        using ScoreResult one = new Scorer(model).Score(text, options);
        var ranks = new RankOptions { Layout = new ParallelLayout(tensor, replicas, expert), Device = "opencl", Watchdog = TimeSpan.FromMinutes(2) };
        using ParallelScore several = ParallelScorer.Score(folder, ranks, text, options);
        Layouts.MustBeNear(Layouts.Copy(one), Layouts.Copy(several[0]), Near, $"{name}, {ranks.Layout}");
    }

    [Theory]
    [InlineData("qwen3.5-moe", 2, 1, false)]
    [InlineData("qwen3.5-moe", 1, 2, true)]
    public void Ranks_capture_the_same_steps_and_these_give_the_bits_of_steps_that_were_not(string name, int tensor, int replicas, bool expert)
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "there is no OpenCL device");
        string folder = Layouts.Folder(name);

        // Penalties grow with the text, so that a step with them is never captured, on no replica.
        GenerationRequest[] requests =
            [.. RankedRequests.All(ModelConfigReader.Read(folder).Vocabulary).Where(static r => r.Sampling.RepetitionPenalty == 1).Select(static r => r with { MaxTokens = 24 })];
        var ranks = new RankOptions { Layout = new ParallelLayout(tensor, replicas, expert), Device = "opencl", Watchdog = TimeSpan.FromMinutes(2) };
        var options = new EngineOptions { CacheMemory = RankedRequests.Memory, MaxSequences = 3, Speculate = 2 };
        Sequence[] expected;
        using (RankedModel plain = RankedModel.Open(folder, ranks))
        using (GenerationEngine engine = plain.Start(options))
        {
            expected = RankedRequests.Run(engine, requests);
        }

        var streams = new ReplayStream[ranks.Layout.Ranks];
        var sums = new TwoInOne[ranks.Layout.Ranks];
        using RankedModel model = RankedModel.Open(Load, ranks);
        for (int run = 0; run < 2; run++)
        {
            // Engines follow each other on the same ranks.
            using GenerationEngine engine = model.Start(options);
            Sequence[] found = RankedRequests.Run(engine, requests);
            for (int i = 0; i < requests.Length; i++)
            {
                Sampling.Requests.MustBe(expected[i], found[i], $"{name}, {ranks.Layout}, request {i}, run {run}");
            }
        }

        Assert.All(streams, s => Assert.Equal((streams[0].Captures, streams[0].Replays), (s.Captures, s.Replays)));
        Assert.True(streams[0].Captures > 0 && streams[0].Replays > streams[0].Captures, $"{streams[0].Captures} captured, {streams[0].Replays} replayed");

        // The shared expert runs beside the dispatch or beside the routed experts, here behind all that does.
        Assert.All(streams, s => Assert.True(s.Branches > 0));
        Assert.All(sums, s => Assert.Equal((tensor > 1, sums[0].Runs), (s.Runs > 0, s.Runs)));

        LoadedModel Load(ComputeDevice device, ICollectives staged) => Captured(folder, device, staged, streams, sums);
    }

    [Fact]
    public void What_connects_ranks_on_a_device_is_tried_there()
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "there is no OpenCL device");
        using var output = new StringWriter();
        new RankSelfTest(new RankOptions { Layout = new ParallelLayout(2, 1, expert: false), Device = "opencl", Watchdog = TimeSpan.FromMinutes(2) }, drills: false, output).Run();
        string[] lines = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("TP 2 × DP 1 by loopback, through host memory", lines[0]);
        Assert.Equal(2 + (3 * 5), lines.Length);
        Assert.All(lines[1..], static line => Assert.Contains(" ok ", line, StringComparison.Ordinal));
    }

    // Without experts across them replicas share no collective, and what one of them queues anew each time is nothing to the others.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_step_that_cannot_be_captured_on_one_replica_keeps_those_from_it_that_share_its_collectives(bool expert)
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "there is no OpenCL device");
        string folder = Layouts.Folder("qwen3.5-moe");
        var ranks = new RankOptions { Layout = new ParallelLayout(1, 2, expert), Device = "opencl", Watchdog = TimeSpan.FromMinutes(2) };
        GenerationRequest plain = RankedRequests.All(ModelConfigReader.Read(folder).Vocabulary)[0] with { MaxTokens = 24, Speculate = 0 };
        GenerationRequest penalised = plain with { Sampling = plain.Sampling with { RepetitionPenalty = 1.2 } };
        var streams = new ReplayStream[2];
        using (RankedModel model = RankedModel.Open((device, staged) => Captured(folder, device, staged, streams, new TwoInOne[2]), ranks))
        using (GenerationEngine engine = model.Start(new EngineOptions { CacheMemory = RankedRequests.Memory, MaxSequences = 3 }))
        {
            _ = RankedRequests.Run(engine, plain, penalised);
        }

        int[] captures = [.. streams.Select(static s => s.Captures).Order()];
        Assert.Equal(0, captures[0]);
        Assert.Equal(!expert, captures[1] > 0);
    }

    private static LoadedModel Captured(string folder, ComputeDevice device, ICollectives staged, ReplayStream[] streams, TwoInOne[] sums)
    {
        var stream = new ReplayStream(device.Ops.Stream!);
        streams[staged.Rank] = stream;
        var queued = new QueuedCollectives(staged, stream);
        LoadedModel part = LoadedModel.Open(folder, ComputeDevice.Of(stream, device), queued);
        part.Model.Peers!.ResidualSum = sums[staged.Rank] = new TwoInOne(queued, part.Ops);
        return part;
    }

    private static Sequence[] OnOneDevice(string folder, GenerationRequest[] requests)
    {
        using var model = LoadedModel.Open(folder, ComputeDevice.Of(OpenCLDevices.Open(0)));
        using var engine = model.Start(new EngineOptions { CacheMemory = RankedRequests.Memory, MaxSequences = 3 });
        return RankedRequests.Run(engine, requests);
    }
}
