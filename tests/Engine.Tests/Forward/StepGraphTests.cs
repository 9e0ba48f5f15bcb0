using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Tests.Running;
using Lean.Kernels;

namespace Lean.Engine.Tests.Forward;

/// <summary>Decode steps that are captured once and launched again, on the machine's first OpenCL device.</summary>
public sealed class StepGraphTests
{
    private const int Tokens = 90;

    [Theory]
    [InlineData("qwen3-next-moe", 0, null, false)]
    [InlineData("qwen3.5-dense", 3, 8, false)]
    [InlineData("qwen3.5-dense", 3, null, true)]
    public void Captured_steps_give_the_bits_of_steps_that_were_not(string fixture, int drafts, int? blocks, bool adapts)
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "");
        string folder = TestData.Path($"fixtures/{fixture}");
        using OpenCLDevice device = OpenCLDevices.Open(0);
        using KernelStream plain = device.CreateStream(profile: false);
        using var replayed = new ReplayStream(device.CreateStream(profile: false));

        // Requests that end one after the other, contexts that grow beyond a span, one that is sampled.
        GenerationRequest[] requests = [.. Enumerable.Range(0, 4).Select(i => new GenerationRequest
        {
            Prompt = Prompts.Random(1 + (i * 83), vocabulary: 256, seed: i),
            MaxTokens = Tokens - (i * 20),
            IgnoreEndOfSequence = true,
            Sampling = i == 2 ? new SamplingParameters { Temperature = 0.9, Seed = 5 } : new SamplingParameters(),
        })];

        // Drafts of some beside replays of others, whose blocks are too few: steps of as many rows differ in who gets tokens.
        var options = new EngineOptions { Speculate = drafts, MostBlocks = blocks, MaxStepTokens = 64, AdaptsDepth = adapts };
        Outcome[] expected = Generate(folder, plain, requests, options with { DraftDepth = Depth() });
        Outcome[] found = Generate(folder, replayed, requests, options with { DraftDepth = Depth() });
        for (int i = 0; i < requests.Length; i++)
        {
            found[i].MustBe(expected[i], $"request {i}");
        }

        Assert.Equal(plain.Launches, replayed.Launches);
        Assert.InRange(replayed.Captures, 4, drafts == 0 ? 20 : 40);
        RandomDepth Depth() => new(seed: 3, drafts);
        Assert.InRange(replayed.Replays, drafts == 0 ? Tokens / 2 : 10, drafts == 0 ? Tokens : 2 * Tokens);
    }

    private static Outcome[] Generate(string folder, KernelStream stream, GenerationRequest[] requests, EngineOptions options)
    {
        using LoadedModel model = LoadedModel.Open(folder, DeviceKernelSet.Create(stream));
        using var engine = new GenerationBatch(model.Model, model.Ops, requests, options);
        while (engine.Step())
        {
        }

        return [.. engine.Sequences.Select(s => new Outcome(s.Output.ToArray(), s.LogProbabilities.ToArray()))];
    }
}
