using System.Text.Json;
using System.Text.RegularExpressions;
using Lean.Engine.Running;

namespace Lean.Engine.Tests.Http;

/// <summary>What a server tells of drafts: with each answer, and of all of them.</summary>
public sealed class DraftTests
{
    private const string Text = "/v1/completions";

    [Fact]
    public async Task Usage_and_metrics_tell_how_drafts_did()
    {
        await using ServerFixture server = await ServerFixture.Start(new EngineOptions { CacheMemory = 64 << 20, Speculate = 3 });
        (long accepted, long drafted, long passes) = (0, 0, 0);
        string? text = null;
        foreach (string speculate in (string[])["null", "0", "2", "\"auto\""])
        {
            (int status, JsonElement body) = await server.Post(Text, $$"""{"prompt": "O Romeo, Romeo!", "temperature": 0, "max_tokens": 40, "n": 2, "ignore_eos": true, "speculate": {{speculate}}}""");
            Assert.Equal(200, status);
            (long right, long wrong, long runs) = (0, 0, 80);
            if (body.GetProperty("usage").TryGetProperty("completion_tokens_details", out JsonElement details))
            {
                (right, wrong, runs) = (Number(details, "accepted_prediction_tokens"), Number(details, "rejected_prediction_tokens"), Number(details, "target_passes"));
            }

            Assert.Equal(80, right + runs);
            Assert.InRange(right + wrong, speculate is "null" or "2" ? 40 : 0, speculate == "0" ? 0 : long.MaxValue);
            (accepted, drafted, passes) = (accepted + right, drafted + right + wrong, passes + runs);
            text ??= body.GetProperty("choices")[0].GetProperty("text").GetString();
            Assert.Equal(text, body.GetProperty("choices")[1].GetProperty("text").GetString());
        }

        string metrics = await Metrics(server);
        Assert.Equal(drafted, Of(metrics, "vllm:spec_decode_num_draft_tokens_total", ""));
        Assert.Equal(accepted, Of(metrics, "vllm:spec_decode_num_accepted_tokens_total", ""));
        Assert.Equal(passes, Of(metrics, "lean:target_passes_total", ""));
        Assert.InRange(Of(metrics, "vllm:spec_decode_num_drafts_total", ""), drafted / 3, passes);
        long[] positions = [.. Enumerable.Range(0, 3).Select(i => Of(metrics, "vllm:spec_decode_num_accepted_tokens_per_pos_total", $",position=\"{i}\""))];
        Assert.Equal(accepted, positions.Sum());
        Assert.True(positions[0] > positions[1] && positions[1] > positions[2] && positions[2] > 0);
        Assert.DoesNotContain("position=\"3\"", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_nobody_drafts_there_is_nothing_to_tell()
    {
        await using ServerFixture server = await ServerFixture.Start();
        (_, JsonElement body) = await server.Post("/v1/responses", """{"input": "Who is there?", "temperature": 0, "max_output_tokens": 4}""");
        Assert.Equal("""{"reasoning_tokens":0}""", body.GetProperty("usage").GetProperty("output_tokens_details").GetRawText());
        string metrics = await Metrics(server);
        Assert.Equal(0, Of(metrics, "vllm:spec_decode_num_drafts_total", ""));
        Assert.DoesNotContain("position=", metrics, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("8", "8")]
    [InlineData("-1", "-1")]
    [InlineData("1.5", "1.5")]
    [InlineData("\"deep\"", "'deep'")]
    public async Task Other_depths_are_refused(string speculate, string shown)
    {
        await using ServerFixture server = await ServerFixture.Start();
        (int status, JsonElement body) = await server.Post(Text, $$"""{"prompt": "a", "speculate": {{speculate}}}""");
        Assert.Equal(400, status);
        Assert.Equal($"speculate is {shown}, expected a whole number from 0 to 7, or 'auto'", body.GetProperty("error").GetProperty("message").GetString());
        Assert.Equal("speculate", body.GetProperty("error").GetProperty("param").GetString());
    }

    private static long Number(JsonElement json, string name) => json.GetProperty(name).GetInt64();

    private static async Task<string> Metrics(ServerFixture server) =>
        await (await server.Send(HttpMethod.Get, "/metrics")).Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

    private static long Of(string metrics, string name, string label)
    {
        Match line = Regex.Match(metrics, $"^{Regex.Escape(name)}\\{{[^}}]*?{Regex.Escape(label)}\\}} (\\d+)$", RegexOptions.Multiline);
        Assert.True(line.Success, $"{name} is not told");
        return long.Parse(line.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
    }
}
