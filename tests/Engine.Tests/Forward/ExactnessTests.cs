using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

/// <summary>
/// The promise: a request's tokens and the numbers behind them are the same bits whatever runs beside it, however its
/// prompt is cut, on any number of threads and any instruction set.
/// </summary>
public sealed class ExactnessTests
{
    private const int Tokens = 12;

    public static TheoryData<string> Models => ["qwen3-next-moe", "qwen3.5-moe", "qwen3.5-dense", "demo"];

    [Theory]
    [MemberData(nameof(Models))]
    public void A_prompt_cut_anywhere_on_the_grid_gives_the_same_bits(string name)
    {
        using var model = LoadedModel.Open(Folder(name), CpuBackends.Open());
        int[] prompt = Prompts.Random(421, model.Model.Config.Vocabulary, seed: 7);
        Outcome whole = Prompts.Generate(model, [prompt], Tokens, new EngineOptions { MaxStepTokens = 100_000 })[0];
        foreach (int budget in new[] { 64, 100, 128, 192, 256, 320, 384, 420 })
        {
            Prompts.Generate(model, [prompt], Tokens, new EngineOptions { MaxStepTokens = budget })[0].MustBe(whole, $"steps of {budget} tokens");
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_request_does_not_notice_its_neighbours(string name)
    {
        using var model = LoadedModel.Open(Folder(name), CpuBackends.Open());
        int[][] prompts = [.. Enumerable.Range(0, 32).Select(i => Prompts.Random(1 + (i * 37 % 200), model.Model.Config.Vocabulary, seed: i))];
        Outcome[] alone = [.. prompts.Select(p => Prompts.Generate(model, [p], Tokens)[0])];
        foreach (int count in new[] { 2, 3, 5, 8, 13, 21, 32 })
        {
            Outcome[] together = Prompts.Generate(model, prompts[..count], Tokens, new EngineOptions { MaxStepTokens = 64 + (count * 16) });
            for (int i = 0; i < count; i++)
            {
                together[i].MustBe(alone[i], $"request {i} among {count}");
            }
        }
    }

    [Fact]
    public void Waiting_for_a_free_place_changes_nothing()
    {
        using var model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());
        int[][] prompts = [.. Enumerable.Range(0, 9).Select(i => Prompts.Random(20 + (i * 31), model.Model.Config.Vocabulary, seed: 40 + i))];
        Outcome[] together = Prompts.Generate(model, prompts, Tokens, new EngineOptions { MaxSequences = 2, MaxStepTokens = 64 });
        for (int i = 0; i < prompts.Length; i++)
        {
            Prompts.Generate(model, [prompts[i]], Tokens)[0].MustBe(together[i], $"request {i}");
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Threads_and_instruction_sets_give_the_same_bits(string name)
    {
        string[] sets = [.. CpuBackends.All.Where(s => s.Declined is null).Select(s => s.Name)];
        Assert.Contains("scalar", sets);
        Outcome? expected = null;
        foreach (string set in sets)
        {
            foreach (string threads in set == "scalar" ? new[] { "2" } : ["1", "2", "3", "7"])
            {
                using var model = LoadedModel.Open(Folder(name), CpuBackends.Open(set, threads));
                int[][] prompts = [.. new[] { 1, 63, 130 }.Select(n => Prompts.Random(n, model.Model.Config.Vocabulary, seed: n))];
                Outcome[] found = Prompts.Generate(model, prompts, Tokens);
                Outcome all = new([.. found.SelectMany(f => f.Tokens)], [.. found.SelectMany(f => f.LogProbabilities)]);
                expected ??= all;
                all.MustBe(expected, $"{set} with {threads} threads");
            }
        }
    }

    [Theory]
    [InlineData("qwen3-next-moe", 2e-4f)]
    [InlineData("qwen3.5-moe", 2e-4f)]
    [InlineData("qwen3.5-dense", 1e-3f)]
    public void Prompts_of_every_length_agree_with_the_reference(string name, float tolerance)
    {
        using var model = LoadedModel.Open(Folder(name), CpuBackends.Open());
        using SafetensorsFile reference = SafetensorsFile.Open(Path.Combine(Folder(name), "reference.safetensors"));
        Assert.True(reference.TryGet("logits", out Tensor logits));
        int[] ids = FixtureTests.Ids(reference);
        for (int length = 1; length <= 130; length++)
        {
            using ScoreResult result = new Scorer(model).Score(ids[..length], new ScoreOptions { Logits = true });
            ReadOnlySpan<float> expected = logits.Slice(length - 1).AsSpan<float>();
            ReadOnlySpan<float> found = result.Tensors[0].Value.Slice(length - 1).AsSpan<float>();
            for (int i = 0; i < expected.Length; i++)
            {
                Assert.True(float.Abs(expected[i] - found[i]) <= tolerance, $"length {length}, logit {i}: {found[i]}, expected {expected[i]}");
            }
        }
    }

    private static string Folder(string name) => name == "demo" ? TestData.Demo : TestData.Path($"fixtures/{name}");
}
