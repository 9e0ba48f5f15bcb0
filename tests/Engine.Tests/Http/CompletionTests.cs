using System.Text;
using System.Text.Json;

namespace Lean.Engine.Tests.Http;

/// <summary>Text and chats over HTTP are what the engine gives without it.</summary>
public sealed class CompletionTests
{
    private const string Romeo = " wherefore art thou Romeo?\nDeny thy father and";

    [Fact]
    public async Task A_text_goes_on_whole_and_in_pieces()
    {
        await using ServerFixture server = await ServerFixture.Start();
        (int status, JsonElement body) = await server.Post("/v1/completions", """{"model": "demo", "prompt": "O Romeo, Romeo!", "temperature": 0, "max_tokens": 12, "logprobs": 2}""");
        Assert.Equal(200, status);
        JsonElement choice = body.GetProperty("choices")[0];
        Assert.Equal(Romeo, choice.GetProperty("text").GetString());
        Assert.Equal("length", choice.GetProperty("finish_reason").GetString());
        Assert.Equal(12, choice.GetProperty("logprobs").GetProperty("tokens").GetArrayLength());
        Assert.Equal(12, body.GetProperty("usage").GetProperty("completion_tokens").GetInt32());

        List<string> events = await server.Events(
            "/v1/completions", """{"prompt": "O Romeo, Romeo!", "temperature": 0, "max_tokens": 12, "logprobs": 2, "stream": true, "stream_options": {"include_usage": true}}""");
        Assert.Equal("[DONE]", events[^1]);
        var text = new StringBuilder();
        List<float> logProbabilities = [];
        foreach (string data in events[..^2])
        {
            JsonElement piece = JsonDocument.Parse(data).RootElement.GetProperty("choices")[0];
            text.Append(piece.GetProperty("text").GetString());
            logProbabilities.AddRange(piece.GetProperty("logprobs").GetProperty("token_logprobs").EnumerateArray().Select(static v => v.GetSingle()));
        }

        Assert.Equal(Romeo, text.ToString());
        Assert.Equal(choice.GetProperty("logprobs").GetProperty("token_logprobs").EnumerateArray().Select(static v => v.GetSingle()), logProbabilities);
        Assert.Equal(12, JsonDocument.Parse(events[^2]).RootElement.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task A_chat_is_answered_whole_and_in_pieces()
    {
        await using ServerFixture server = await ServerFixture.Start();
        (int status, JsonElement body) = await server.Post(
            "/v1/chat/completions", """{"model": "demo", "messages": [{"role": "user", "content": [{"type": "text", "text": "Who is there?"}]}], "temperature": 0}""");
        Assert.Equal(200, status);
        JsonElement choice = body.GetProperty("choices")[0];
        Assert.Equal("Thanks, gentle Somerset; sweet Oxford, thanks.", choice.GetProperty("message").GetProperty("content").GetString());
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());

        List<string> events = await server.Events(
            "/v1/chat/completions", """{"messages": [{"role": "user", "content": "Who is there?"}], "temperature": 0, "stream": true}""");
        string text = string.Concat(events[..^1].Select(static e => JsonDocument.Parse(e).RootElement.GetProperty("choices")[0].GetProperty("delta"))
            .Select(static d => d.TryGetProperty("content", out JsonElement content) ? content.GetString() : ""));
        Assert.Equal("Thanks, gentle Somerset; sweet Oxford, thanks.", text);
    }

    [Fact]
    public async Task Choices_of_a_seed_are_those_of_the_seeds_behind_it()
    {
        await using ServerFixture server = await ServerFixture.Start();
        (_, JsonElement both) = await server.Post("/v1/completions", """{"prompt": "JULIET:", "temperature": 0.9, "max_tokens": 20, "seed": 3, "n": 2}""");
        string[] texts = [.. both.GetProperty("choices").EnumerateArray().Select(static c => c.GetProperty("text").GetString()!)];
        Assert.NotEqual(texts[0], texts[1]);
        for (int i = 0; i < texts.Length; i++)
        {
            (_, JsonElement one) = await server.Post("/v1/completions", $$"""{"prompt": "JULIET:", "temperature": 0.9, "max_tokens": 20, "seed": {{3 + i}}}""");
            Assert.Equal(texts[i], one.GetProperty("choices")[0].GetProperty("text").GetString());
        }
    }

    [Theory]
    [InlineData("""{"prompt": "O Romeo, Romeo!", "temperature": 0, "max_tokens": 60, "stop": "thy name"}""", " wherefore art thou Romeo?\nDeny thy father and refuse ")]
    [InlineData("""{"prompt": "O Romeo, Romeo!", "temperature": 0, "max_tokens": 60, "stop": ["never", "omeo?\nDe"]}""", " wherefore art thou R")]
    [InlineData("""{"prompt": "O Romeo, Romeo!", "temperature": 0, "max_tokens": 3, "echo": true}""", "O Romeo, Romeo! wherefore art")]
    [InlineData("""{"prompt": [870, 25], "temperature": 0, "max_tokens": 6}""", null)]
    public async Task A_text_ends_before_its_stop_string(string request, string? expected)
    {
        await using ServerFixture server = await ServerFixture.Start();
        (_, JsonElement whole) = await server.Post("/v1/completions", request);
        string text = whole.GetProperty("choices")[0].GetProperty("text").GetString()!;
        Assert.Equal(expected ?? text, text);
        List<string> events = await server.Events("/v1/completions", request.Replace("{\"prompt", "{\"stream\": true, \"prompt", StringComparison.Ordinal));
        Assert.Equal(text, string.Concat(events[..^1].Select(static e => JsonDocument.Parse(e).RootElement.GetProperty("choices")[0].GetProperty("text").GetString())));
    }
}
