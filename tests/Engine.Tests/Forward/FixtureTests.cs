using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

/// <summary>The reference checkpoints: what Lean makes of them is what transformers makes of them, within what f32 leaves open.</summary>
public sealed class FixtureTests
{
    private const int Depths = 3;

    [Theory]
    [MemberData(nameof(FixtureOutputs.All), MemberType = typeof(FixtureOutputs))]
    public void Scores_agree_with_the_reference(string name, float tolerance)
    {
        string folder = TestData.Path($"fixtures/{name}");
        using var model = LoadedModel.Open(folder, CpuBackends.Open());
        using SafetensorsFile reference = SafetensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        int[] ids = Ids(reference);
        using ScoreResult result = new Scorer(model).Score(ids, new ScoreOptions { Logits = true, Hidden = true, MtpDepth = Depths });
        Assert.Equal(2 + Depths, result.Tensors.Count);
        foreach ((string key, Tensor found) in result.Tensors)
        {
            FixtureOutputs.Check(folder, key, found, tolerance);
        }
    }

    [Theory]
    [MemberData(nameof(FixtureOutputs.All), MemberType = typeof(FixtureOutputs))]
    public void Greedy_tokens_follow_the_reference_up_to_a_close_call(string name, float tolerance)
    {
        Assert.True(tolerance > 0);
        string folder = TestData.Path($"fixtures/{name}");
        using var model = LoadedModel.Open(folder, CpuBackends.Open());
        using SafetensorsFile reference = SafetensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        Assert.True(reference.TryGet("greedy_ids", out Tensor greedy) & reference.TryGet("greedy_gap", out Tensor gaps));
        int[] expected = [.. greedy.AsSpan<long>().ToArray().Select(i => (int)i)];
        var request = new GenerationRequest { Prompt = Ids(reference), MaxTokens = expected.Length, IgnoreEndOfSequence = true };
        using var engine = new GenerationBatch(model.Model, model.Ops, [request], new EngineOptions());
        while (engine.Step())
        {
        }

        int close = Array.FindIndex(gaps.AsSpan<float>().ToArray(), g => g < 1e-3f);
        int compared = close < 0 ? expected.Length : close;
        Assert.Equal(expected[..compared], engine.Sequences[0].Output[..compared].ToArray());
    }

    internal static int[] Ids(SafetensorsFile reference)
    {
        Assert.True(reference.TryGet("prompt_ids", out Tensor ids));
        return [.. ids.AsSpan<long>().ToArray().Select(i => (int)i)];
    }
}
