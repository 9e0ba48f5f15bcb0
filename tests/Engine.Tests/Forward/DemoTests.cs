using System.Text.Json;
using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Engine.Text;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

/// <summary>The demo checkpoint: real text, against what transformers makes of it.</summary>
public sealed class DemoTests
{
    private const double CloseCall = 0.05;

    [Fact]
    public void All_prompts_continue_as_given_up_to_a_close_call()
    {
        using var model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());
        var tokenizer = Tokenizer.Load(TestData.Demo);
        using var file = JsonDocument.Parse(File.ReadAllText(TestData.Path("demo/greedy.json")));
        var cases = file.RootElement.EnumerateArray().Select(c => (
            Text: c.GetProperty("prompt").GetString()!,
            Prompt: c.GetProperty("prompt_ids").EnumerateArray().Select(i => i.GetInt32()).ToArray(),
            Greedy: c.GetProperty("greedy_ids").EnumerateArray().Select(i => i.GetInt32()).ToArray(),
            Gaps: c.GetProperty("top2_gap").EnumerateArray().Select(g => g.GetDouble()).ToArray())).ToArray();
        Assert.Equal(10, cases.Length);
        Outcome[] found = Prompts.Generate(model, [.. cases.Select(c => c.Prompt)], cases[0].Greedy.Length);
        for (int i = 0; i < cases.Length; i++)
        {
            Assert.Equal(cases[i].Prompt, tokenizer.Encode(cases[i].Text, SpecialTokens.Parse));
            int close = Array.FindIndex(cases[i].Gaps, g => g < CloseCall);
            int compared = close < 0 ? cases[i].Greedy.Length : close;
            Assert.Equal(cases[i].Greedy[..compared], found[i].Tokens[..compared]);
        }
    }

    [Fact]
    public void The_log_likelihood_is_the_references()
    {
        using var model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());
        using SafetensorsFile reference = SafetensorsFile.Open(TestData.Path("demo/reference.safetensors"));
        Assert.True(reference.TryGet("nll", out Tensor nll));
        using ScoreResult result = new Scorer(model).Score(FixtureTests.Ids(reference), new ScoreOptions());
        Assert.Equal(1.7712, result.Mean, 0.002);
        ReadOnlySpan<float> expected = nll.AsSpan<float>();
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], result.NegativeLogLikelihood[i], 2e-3f);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void The_last_logits_and_drafts_agree(int depth)
    {
        using var model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());
        using SafetensorsFile reference = SafetensorsFile.Open(TestData.Path("demo/reference.safetensors"));
        string key = depth == 0 ? "logits" : $"mtp_logits_{depth}";
        Assert.True(reference.TryGet(key, out Tensor expected));
        using ScoreResult result = new Scorer(model).Score(FixtureTests.Ids(reference), new ScoreOptions { Logits = true, MtpDepth = 3 });
        Tensor all = result.Tensors.Single(t => t.Key == key).Value;
        Tensor found = all.Rows(all.Shape[0] - expected.Shape[0], expected.Shape[0]);
        float worst = 0;
        for (int i = 0; i < expected.Shape.Count; i++)
        {
            worst = float.Max(worst, float.Abs(expected.AsSpan<float>()[i] - found.AsSpan<float>()[i]));
        }

        Assert.True(worst < 2e-3f, $"{key}: off by {worst}");
    }

    [Fact]
    public void The_self_test_knows_the_answer_and_sees_a_wrong_one()
    {
        using CpuBackend cpu = CpuBackends.Open();
        KernelSet ops = CpuKernels.Create(cpu);
        KnownAnswerResult good = KnownAnswer.Check(TestData.Demo, ops);
        Assert.Null(good.Fault);
        Assert.Equal(22, good.Tokens);
        Assert.InRange(good.Error, 1e-9, good.Allowed);

        // The same weights with another constant in the norms: every op works, and the answer is another.
        string folder = Directory.CreateTempSubdirectory("lean-answer-").FullName;
        try
        {
            foreach (string path in Directory.GetFiles(TestData.Demo))
            {
                File.Copy(path, Path.Combine(folder, Path.GetFileName(path)));
            }

            string config = Path.Combine(folder, "config.json");
            File.WriteAllText(config, File.ReadAllText(config).Replace("\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": 0.5", StringComparison.Ordinal));
            KnownAnswerResult bad = KnownAnswer.Check(folder, ops);
            Assert.Contains("of the logits is", bad.Fault, StringComparison.Ordinal);
            Assert.True(bad.Error > bad.Allowed);
            File.Delete(Path.Combine(folder, KnownAnswer.FileName));
            Assert.Contains(KnownAnswer.FileName, Assert.Throws<InputException>(() => KnownAnswer.Check(folder, ops)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
