using System.Text.Json;
using Lean.Engine.Tests.Forward;
using Lean.Tensors;

namespace Lean.Aot.Tests;

/// <summary><c>lean score</c>, with the reference checkpoints.</summary>
public sealed class ScoreTests
{
    private const int Depths = 3;

    [Theory]
    [MemberData(nameof(FixtureOutputs.All), MemberType = typeof(FixtureOutputs))]
    public void What_it_writes_agrees_with_the_reference(string name, float tolerance)
    {
        using var folder = new TemporaryFolder();
        string model = Repository.Data($"fixtures/{name}"), ids = Path.Combine(model, "reference.safetensors"), output = folder.At("out.safetensors");
        JsonElement found = Assert.Single(LeanRun.Of(
            "score", "--model", model, "--ids", ids, "--logits", output, "--hidden", "--mtp", $"{Depths}", "--json").Json());
        using SafetensorsFile reference = SafetensorsFile.Open(ids), written = SafetensorsFile.Open(output);
        Assert.Equal(2 + Depths, written.Count);
        foreach (string key in written.Names)
        {
            Assert.True(written.TryGet(key, out Tensor actual), key);
            FixtureOutputs.Check(model, key, actual, tolerance);
        }

        Assert.True(written.TryGet("logits", out Tensor logits) & reference.TryGet("prompt_ids", out Tensor prompt));
        Assert.Equal(prompt.Shape.Count, found.GetProperty("tokens").GetInt64());
        Assert.Equal(Mean(logits, prompt.AsSpan<long>()), found.GetProperty("mean_nll").GetDouble(), 1e-5);
    }

    [Fact]
    public void A_text_and_its_ids_score_alike()
    {
        using var folder = new TemporaryFolder();
        const string Text = "To be, or not to be, that is the question";
        string text = folder.Write("text.txt", Text);
        string ids = folder.Write("ids.json", LeanRun.Of("tokenize", Text).Good().Output);
        LeanRun one = LeanRun.Of("score", "--text", text).Good(), other = LeanRun.Of("score", "--ids", ids).Good();
        Assert.Equal(one.Output, other.Output);
        Assert.Matches(@"^mean_nll \d+\.\d{6}\ntokens \d+\n$", one.Output);
    }

    [Fact]
    public void One_token_predicts_nothing()
    {
        using var folder = new TemporaryFolder();
        JsonElement found = Assert.Single(LeanRun.Of("score", "--ids", folder.Write("ids.json", "[5]"), "--json").Json());
        Assert.Equal(JsonValueKind.Null, found.GetProperty("mean_nll").ValueKind);
        Assert.Equal(1, found.GetProperty("tokens").GetInt32());
    }

    private static double Mean(Tensor logits, ReadOnlySpan<long> ids)
    {
        double sum = 0;
        for (int t = 0; t + 1 < ids.Length; t++)
        {
            float[] row = logits.Slice(t).AsSpan<float>().ToArray();
            double most = row.Max();
            sum += most + Math.Log(row.Sum(l => Math.Exp(l - most))) - row[ids[t + 1]];
        }

        return sum / (ids.Length - 1);
    }
}
