using System.Text.Json;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Scoring;
using Lean.Engine.Tests.Sampling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

/// <summary>Whole models on the machine's first OpenCL device, against transformers and against themselves.</summary>
public sealed class DeviceTests
{
    private const int Tokens = 8;
    private const int Batch = 24;
    private const int Depths = 3;
    private const double CloseCall = 0.05;

    public static TheoryData<string> Fixtures => ["qwen3-next-moe", "qwen3.5-moe", "qwen3.5-dense"];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Scores_agree_with_the_reference(string name)
    {
        using LoadedModel model = Open(TestData.Path($"fixtures/{name}"));
        using SafetensorsFile reference = SafetensorsFile.Open(TestData.Path($"fixtures/{name}/reference.safetensors"));
        using ScoreResult result = new Scorer(model).Score(
            FixtureTests.Ids(reference), new ScoreOptions { Logits = true, Hidden = true, MtpDepth = Depths });
        Assert.Equal(2 + Depths, result.Tensors.Count);
        foreach ((string key, Tensor found) in result.Tensors)
        {
            Assert.True(reference.TryGet(key, out Tensor expected), key);
            ReadOnlySpan<float> e = expected.AsSpan<float>(), f = found.AsSpan<float>();
            Assert.Equal(e.Length, f.Length);
            double difference = 0, norm = 0;
            for (int i = 0; i < e.Length; i++)
            {
                difference += ((double)f[i] - e[i]) * ((double)f[i] - e[i]);
                norm += (double)e[i] * e[i];
            }

            Assert.True(Math.Sqrt(difference / norm) <= 1e-2, $"{key}: ‖Δ‖/‖reference‖ is {Math.Sqrt(difference / norm):g3}");
        }
    }

    [Fact]
    public void The_demo_continues_as_given_up_to_a_close_call()
    {
        using LoadedModel model = Open(TestData.Demo);
        using var file = JsonDocument.Parse(File.ReadAllText(TestData.Path("demo/greedy.json")));
        foreach (JsonElement one in file.RootElement.EnumerateArray().Take(4))
        {
            int[] prompt = [.. one.GetProperty("prompt_ids").EnumerateArray().Select(i => i.GetInt32())];
            int[] greedy = [.. one.GetProperty("greedy_ids").EnumerateArray().Select(i => i.GetInt32())];
            int close = Array.FindIndex(one.GetProperty("top2_gap").EnumerateArray().Select(g => g.GetDouble()).ToArray(), g => g < CloseCall);
            int compared = int.Min(24, close < 0 ? greedy.Length : close);
            Assert.Equal(greedy[..compared], compared == 0 ? [] : Prompts.Generate(model, [prompt], compared)[0].Tokens);
        }
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void A_request_notices_neither_its_neighbours_nor_how_its_prompt_is_cut(string name)
    {
        using LoadedModel model = Open(TestData.Path($"fixtures/{name}"));
        int[][] prompts = [.. Enumerable.Range(0, 6).Select(i => Prompts.Random(1 + (i * 37), model.Model.Config.Vocabulary, seed: i))];
        Outcome[] alone = [.. prompts.Select(p => Prompts.Generate(model, [p], Tokens)[0])];
        foreach (int budget in new[] { 64, 128, 512 })
        {
            Outcome[] together = Prompts.Generate(model, prompts, Tokens, new EngineOptions { MaxStepTokens = budget });
            for (int i = 0; i < prompts.Length; i++)
            {
                together[i].MustBe(alone[i], $"request {i}, steps of {budget} tokens");
            }
        }
    }

    [Fact]
    public void Batches_of_2_to_64_give_each_row_its_own_bits()
    {
        using LoadedModel model = Open(TestData.Path("fixtures/qwen3-next-moe"));
        int[][] prompts = [.. Enumerable.Range(0, 64).Select(i => Prompts.Random(1 + (i % 5), model.Model.Config.Vocabulary, seed: i))];
        Outcome[] alone = [.. prompts.Select(p => Prompts.Generate(model, [p], 3)[0])];
        foreach (int size in new[] { 2, 3, 4, 5, 8, 9, 16, 17, 31, 33, 64 })
        {
            Outcome[] together = Prompts.Generate(model, prompts[^size..], 3);
            for (int i = 0; i < size; i++)
            {
                together[i].MustBe(alone[64 - size + i], $"request {i} of {size}");
            }
        }
    }

    [Theory]
    [InlineData("qwen3-next-moe")]
    [InlineData("qwen3.5-dense")]
    public void Contexts_of_several_spans_change_nothing_for_a_short_one(string name)
    {
        // Block tables and attention's grid follow the step: alone, the short request has one span of context, then two.
        using LoadedModel model = Open(TestData.Path($"fixtures/{name}"));
        int vocabulary = model.Model.Config.Vocabulary;
        int[][] prompts = [Prompts.Random(250, vocabulary, seed: 1), Prompts.Random(600, vocabulary, seed: 2), Prompts.Random(3, vocabulary, seed: 3)];
        Outcome[] together = Prompts.Generate(model, prompts, 12, new EngineOptions { MaxStepTokens = 128 });
        for (int i = 0; i < prompts.Length; i++)
        {
            together[i].MustBe(Prompts.Generate(model, [prompts[i]], 12)[0], $"request {i}");
        }
    }

    [Theory]
    [InlineData("demo")]
    [InlineData("qwen3.5-moe")]
    public void A_sampled_request_gets_the_same_alone_and_among_others(string name)
    {
        using LoadedModel model = Open(name == "demo" ? TestData.Demo : TestData.Path($"fixtures/{name}"));
        GenerationRequest[] requests = [.. Enumerable.Range(0, Batch).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, Tokens))];
        Sequence[] alone = [.. requests.Select(r => Requests.Run(model, [r])[0])];
        EngineOptions[] ways = [new(), new() { MaxSequences = 5, MaxStepTokens = 128 }];
        foreach (EngineOptions options in ways)
        {
            Sequence[] together = Requests.Run(model, requests, options);
            for (int i = 0; i < Batch; i++)
            {
                Requests.MustBe(alone[i], together[i], $"request {i} with {options.MaxSequences} sequences at a time");
            }
        }

        // In another order, so that no row keeps its place.
        Sequence[] reversed = Requests.Run(model, [.. requests.Reverse()]);
        for (int i = 0; i < Batch; i++)
        {
            Requests.MustBe(alone[i], reversed[Batch - 1 - i], $"request {i} of the reversed batch");
        }
    }

    [Fact]
    public void The_first_tokens_drawn_are_the_cpus()
    {
        using LoadedModel device = Open(TestData.Demo);
        using var cpu = LoadedModel.Open(TestData.Demo, CpuBackends.Open());

        // Sums have another order there and the KV cache is bf16, so a draw near a boundary may fall on its other side: seldom.
        GenerationRequest[] requests = [.. Enumerable.Range(0, 48).Select(i => new GenerationRequest
        {
            Prompt = Prompts.Random(5 + (i % 3), 2048, seed: i % 3),
            MaxTokens = 1,
            Sampling = new SamplingParameters { Temperature = Requests.Temperatures[i % 6], Seed = i, TopP = i % 4 == 1 ? 0.8 : 1, TopK = i % 5 == 2 ? 20 : 0 },
        })];
        Sequence[] expected = Requests.Run(cpu, requests), found = Requests.Run(device, requests);
        Assert.InRange(expected.Zip(found).Count(pair => pair.First.Output[0] == pair.Second.Output[0]), 44, 48);
        Assert.True(expected.Select(s => s.Output[0]).Distinct().Count() > 10, "the draws do not differ");
    }

    [Fact]
    public void An_op_that_a_device_lacks_is_named_and_runs_nowhere_else()
    {
        var set = new KernelSet { Description = "opencl:0 some card" };
        MachineException refused = Assert.Throws<MachineException>(() => set.SampleTokens);
        Assert.Contains("opencl:0 some card has no sample_tokens", refused.Message, StringComparison.Ordinal);
    }

    private static LoadedModel Open(string folder)
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "there is no OpenCL device");
        return LoadedModel.Open(folder, ComputeDevice.Of(OpenCLDevices.Open(0)));
    }
}
