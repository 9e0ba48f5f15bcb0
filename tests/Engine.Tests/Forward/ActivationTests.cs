using System.Text.Json;
using Lean.Comm;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Engine.Tests.Sampling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

/// <summary>Whole models with <c>--activations bf16</c>: another model of numbers, within which everything is as exact as without.</summary>
public sealed class ActivationTests
{
    private const int Tokens = 8;
    private const double CloseCall = 0.5;

    // Rounding moves the fixtures' logits, whose weights are random, by what the guide says; a router's near tie decides most of it.
    [Theory]
    [InlineData("qwen3-next-moe", 0.03, 0.2)]
    [InlineData("qwen3.5-moe", 0.03, 0.2)]
    [InlineData("qwen3.5-dense", 0.01, 0.05)]
    public void Logits_move_by_what_the_guide_says(string name, double least, double most)
    {
        string folder = TestData.Path($"fixtures/{name}");
        using SafetensorsFile reference = SafetensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using LoadedModel model = Open(folder, "cpu");
        Assert.EndsWith(", bf16 activations", model.Ops.Description, StringComparison.Ordinal);
        using ScoreResult result = new Scorer(model).Score(FixtureTests.Ids(reference), new ScoreOptions { Logits = true, MtpDepth = 3 });
        foreach ((string key, Tensor found) in result.Tensors)
        {
            Assert.True(reference.TryGet(key, out Tensor expected), key);
            Assert.InRange(Distance(expected.AsSpan<float>(), found.AsSpan<float>()), least, most);
        }
    }

    [Fact]
    public void The_demos_logits_stay_and_its_text_continues_up_to_a_close_call()
    {
        using LoadedModel model = Open(TestData.Demo, "cpu");
        using SafetensorsFile reference = SafetensorsFile.Open(TestData.Path("demo/reference.safetensors"));
        Assert.True(reference.TryGet("logits", out Tensor logits));
        using ScoreResult result = new Scorer(model).Score(FixtureTests.Ids(reference), new ScoreOptions { Logits = true });
        Tensor all = result.Tensors[0].Value;
        Assert.InRange(Distance(logits.AsSpan<float>(), all.Rows(all.Shape[0] - logits.Shape[0], logits.Shape[0]).AsSpan<float>()), 1e-3, 1e-2);
        using var file = JsonDocument.Parse(File.ReadAllText(TestData.Path("demo/greedy.json")));
        int compared = 0;
        foreach (JsonElement one in file.RootElement.EnumerateArray())
        {
            int[] prompt = [.. one.GetProperty("prompt_ids").EnumerateArray().Select(i => i.GetInt32())];
            int[] greedy = [.. one.GetProperty("greedy_ids").EnumerateArray().Select(i => i.GetInt32())];
            int close = Array.FindIndex(one.GetProperty("top2_gap").EnumerateArray().Select(g => g.GetDouble()).ToArray(), g => g < CloseCall);
            int count = close < 0 ? greedy.Length : close;
            compared += count;
            Assert.Equal(greedy[..count], count == 0 ? [] : Prompts.Generate(model, [prompt], count)[0].Tokens);
        }

        Assert.InRange(compared, 40, int.MaxValue);
    }

    [Theory]
    [InlineData("demo", "cpu")]
    [InlineData("qwen3-next-moe", "cpu")]
    [InlineData("qwen3.5-dense", "cpu")]
    [InlineData("qwen3-next-moe", "opencl")]
    public void A_request_notices_neither_neighbours_nor_cuts_nor_drafts(string name, string device)
    {
        using LoadedModel model = Open(name == "demo" ? TestData.Demo : TestData.Path($"fixtures/{name}"), device);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 6).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, Tokens) with
        {
            Prompt = Prompts.Random(1 + (i * 37), model.Model.Config.Vocabulary, seed: i),
        })];
        Sequence[] alone = [.. requests.Select(r => Requests.Run(model, [r])[0])];
        foreach (EngineOptions options in (EngineOptions[])[new() { MaxStepTokens = 64 }, new() { MaxStepTokens = 128, MaxSequences = 3 }, new() { Speculate = 3 }])
        {
            Sequence[] together = Requests.Run(model, requests, options);
            for (int i = 0; i < requests.Length; i++)
            {
                Requests.MustBe(alone[i], together[i], $"request {i}, steps of {options.MaxStepTokens} tokens, {options.Speculate} drafts");
            }
        }
    }

    [Fact]
    public void Threads_and_instruction_sets_give_the_same_bits_and_other_ones_than_f32()
    {
        Outcome? expected = null;
        foreach (string set in CpuBackends.All.Where(s => s.Declined is null).Select(s => s.Name))
        {
            foreach (string threads in set == "scalar" ? new[] { "2" } : ["1", "3"])
            {
                using var model = LoadedModel.Open(TestData.Path("fixtures/qwen3-next-moe"), ComputeDevice.Of(CpuBackends.Open(set, threads), DType.BF16));
                Outcome found = Prompts.Generate(model, [Prompts.Random(130, model.Model.Config.Vocabulary, seed: 1)], Tokens)[0];
                expected ??= found;
                found.MustBe(expected, $"{set} with {threads} threads");
            }
        }

        using var plain = LoadedModel.Open(TestData.Path("fixtures/qwen3-next-moe"), CpuBackends.Open());
        Assert.NotEqual(expected!.LogProbabilities, Prompts.Generate(plain, [Prompts.Random(130, plain.Model.Config.Vocabulary, seed: 1)], Tokens)[0].LogProbabilities);
    }

    // Ranks of different builds refuse each other (RendezvousTests); so do those that round and those that do not.
    [Fact]
    public void Ranks_that_round_are_another_build()
    {
        var plain = new RankOptions { Layout = new ParallelLayout(2, 1, expert: false) };
        Assert.Equal(BuildIdentity.Current, plain.Identity);
        Assert.Equal($"{BuildIdentity.Current} with bf16 activations", (plain with { Activations = DType.BF16 }).Identity);
    }

    [Fact]
    public void A_set_refuses_what_is_no_type_of_activations() =>
        Assert.Contains("f32 or bf16", Assert.Throws<ArgumentException>(() => ReferenceKernels.Create(activations: DType.F16)).Message, StringComparison.Ordinal);

    /// <summary>‖Δ‖/‖expected‖.</summary>
    internal static double Distance(ReadOnlySpan<float> expected, ReadOnlySpan<float> found)
    {
        double difference = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += ((double)found[i] - expected[i]) * ((double)found[i] - expected[i]);
            norm += (double)expected[i] * expected[i];
        }

        return Math.Sqrt(difference / norm);
    }

    private static LoadedModel Open(string folder, string device)
    {
        string? declined = null;
        Assert.SkipWhen(device == "opencl" && OpenCLDevices.List(out declined).Count == 0, declined ?? "there is no OpenCL device");
        return LoadedModel.Open(folder, device == "cpu" ? ComputeDevice.Of(CpuBackends.Open(), DType.BF16) : ComputeDevice.Of(OpenCLDevices.Open(0), DType.BF16));
    }
}
