using System.Text.Json;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Scoring;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

/// <summary>Whole models on the machine's first OpenCL device, against transformers and against themselves.</summary>
public sealed class DeviceTests
{
    private const int Tokens = 8;
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
    public void An_op_that_a_device_lacks_is_named_and_runs_nowhere_else()
    {
        using LoadedModel model = Open(TestData.Demo);
        var sampled = new GenerationRequest
        {
            Prompt = [870, 25],
            MaxTokens = 2,
            Sampling = SamplingParameters.Greedy with { Temperature = 0.5, Seed = 1 },
        };
        using var engine = new GenerationEngine(model.Model, model.Ops, [sampled], new EngineOptions());
        MachineException refused = Assert.Throws<MachineException>(() => engine.Step());
        Assert.StartsWith("opencl:0 ", refused.Message, StringComparison.Ordinal);
        Assert.Contains(" has no sample_tokens", refused.Message, StringComparison.Ordinal);
    }

    private static LoadedModel Open(string folder)
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "there is no OpenCL device");
        return LoadedModel.Open(folder, ComputeDevice.Of(OpenCLDevices.Open(0)));
    }
}
