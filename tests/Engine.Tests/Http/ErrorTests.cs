using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Lean.Engine.Http;

namespace Lean.Engine.Tests.Http;

/// <summary>What is wrong with a request is said in OpenAI's shape, with the field's name, and harms nobody else.</summary>
public sealed class ErrorTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Text = "/v1/completions";

    /// <summary>Path, body, status, field at fault (null for none), words of the message.</summary>
    public static TheoryData<string, string, int, string?, string> Wrong => new()
    {
        { Text, """{"prompt": "a", "temperature": "hot"}""", 400, "temperature", "temperature is 'hot', expected a finite number of at least 0" },
        { Text, """{"prompt": "a", "temperature": -1}""", 400, "temperature", "expected a finite number" },
        { Text, """{"prompt": "a", "temperature": 1e999}""", 400, "temperature", "expected a finite number" },
        { Text, """{"prompt": "a", "top_p": 0}""", 400, "top_p", "a number above 0 and at most 1" },
        { Text, """{"prompt": "a", "top_k": 1.5}""", 400, "top_k", "a whole number" },
        { Text, """{"prompt": "a", "n": 0}""", 400, "n", "from 1 to 128" },
        { Text, """{"prompt": "a", "n": 1000000000}""", 400, "n", "from 1 to 128" },
        { Text, """{"prompt": "a", "n": 99999999999999999999}""", 400, "n", "from 1 to 128" },
        { Text, """{"prompt": "a", "max_tokens": -5}""", 400, "max_tokens", "at least 1" },
        { Text, """{"prompt": "a", "max_tokens": 2000000000}""", 400, "max_tokens", "context of 4,096 tokens" },
        { Text, """{"prompt": "a", "logprobs": 21}""", 400, "logprobs", "from 0 to 20" },
        { Text, """{"prompt": "a", "logprobs": true}""", 400, "logprobs", "from 0 to 20" },
        { Text, """{"prompt": "a", "seed": "x"}""", 400, "seed", "64 bits" },
        { Text, """{"prompt": "a", "stop": 5}""", 400, "stop", "a string or a list of strings" },
        { Text, """{"prompt": "a", "stop": ["x", 5]}""", 400, "stop[1]", "expected a string" },
        { Text, """{"prompt": "a", "stop": ""}""", 400, "stop", "empty string" },
        { Text, """{"prompt": "a", "stop_token_ids": [99999]}""", 400, "stop_token_ids", "0 to 2047" },
        { Text, """{"prompt": "a", "logit_bias": {"x": 1}}""", 400, "logit_bias", "a token id" },
        { Text, """{"prompt": "a", "logit_bias": {"5": 1000}}""", 400, "logit_bias.5", "from -100 to 100" },
        { Text, """{"prompt": "a", "logit_bias": {"99999": 1}}""", 400, "logit_bias", "names token 99999" },
        { Text, """{"prompt": "a", "min_tokens": 20, "max_tokens": 10}""", 400, "min_tokens", "at most max_tokens" },
        { Text, """{"prompt": "a", "stream": "yes"}""", 400, "stream", "true or false" },
        { Text, """{"prompt": "a", "stream_options": {"include_usage": true}}""", 400, "stream_options", "stream is not true" },
        { Text, """{"prompt": "a", "best_of": 3}""", 400, "best_of", "expected n" },
        { Text, """{"prompt": "a", "suffix": "b"}""", 400, "suffix", "only continue" },
        { Text, """{"prompt": "a", "priority": 1000}""", 400, "priority", "from -100 to 100" },
        { Text, """{"prompt": "a", "drafter": "oracle"}""", 400, "drafter", "drafter is 'oracle', expected mtp or lookup" },
        { Text, """{"max_tokens": 1}""", 400, "prompt", "missing" },
        { Text, """{"prompt": ""}""", 400, "prompt", "empty" },
        { Text, """{"prompt": []}""", 400, "prompt", "empty" },
        { Text, """{"prompt": {"a": 1}}""", 400, "prompt", "expected a string" },
        { Text, """{"prompt": [1, "a"]}""", 400, "prompt[1]", "a token id" },
        { Text, """{"prompt": [99999]}""", 400, "prompt", "token 99999" },
        { Text, """{"prompt": "a", "model": "gpt-5"}""", 404, "model", "'gpt-5' does not exist" },
        { Chat, """{"messages": []}""", 400, "messages", "at least one" },
        { Chat, """{"messages": "hi"}""", 400, "messages", "a list" },
        { Chat, """{"model": "demo"}""", 400, "messages", "missing" },
        { Chat, """{"messages": [5]}""", 400, "messages[0]", "an object" },
        { Chat, """{"messages": [{"content": "a"}]}""", 400, "messages[0].role", "missing" },
        { Chat, """{"messages": [{"role": "king", "content": "a"}]}""", 400, "messages[0].role", "'king'" },
        { Chat, """{"messages": [{"role": "user"}]}""", 400, "messages[0].content", "missing" },
        { Chat, """{"messages": [{"role": "user", "content": 5}]}""", 400, "messages[0].content", "a string or a list of parts" },
        { Chat, """{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}""", 400, "messages[0].content[0].type", "text only" },
        { Chat, """{"messages": [{"role": "user", "content": "a"}], "top_logprobs": 3}""", 400, "top_logprobs", "logprobs is not true" },
        { Chat, """{"messages": [{"role": "user", "content": "a"}], "logprobs": true, "top_logprobs": 21}""", 400, "top_logprobs", "from 0 to 20" },
        { Chat, """{"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "magic"}]}""", 400, "tools[0].type", "function" },
        { Chat, """{"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function", "function": {"name": "a b"}}]}""", 400, "tools[0].function.name", "letters" },
        { Chat, """{"messages": [{"role": "user", "content": "a"}], "tool_choice": 5}""", 400, "tool_choice", "expected none" },
        { Chat, """{"messages": [{"role": "user", "content": "a"}], "chat_template_kwargs": 5}""", 400, "chat_template_kwargs", "an object" },
        { Chat, """{"messages": [{"role": "user", "content": "a"}], "response_format": {"type": "xml"}}""", 400, "response_format.type", "json_object" },
        { Chat, """{"messages": [{"role": "user", "content": "\ud800"}]}""", 400, null, "not valid Unicode" },
        { Text, "[1]", 400, null, "expected a JSON object" },
        { Text, "{\"prompt\": ", 400, null, "not valid JSON at line 1, byte" },
        { Text, "", 400, null, "not valid JSON" },
        { "/detokenize", """{"tokens": "a"}""", 400, "tokens", "a list of token ids" },
        { "/detokenize", "{}", 400, "tokens", "missing" },
        { "/tokenize", "{}", 400, "prompt", "missing" },
    };

    [Fact]
    public async Task Wrong_requests_get_an_error_that_names_the_field()
    {
        await using ServerFixture server = await ServerFixture.Start();
        foreach ((string path, string body, int status, string? field, string words) in Wrong.Select(static r => r.Data))
        {
            (int found, JsonElement answer) = await server.Post(path, body);
            JsonElement error = answer.GetProperty("error");
            string about = $"{path} {body}: {answer}";
            Assert.True(status == found, about);
            Assert.True(field == error.GetProperty("param").GetString(), about);
            Assert.True(error.GetProperty("message").GetString()!.Contains(words, StringComparison.Ordinal), about);
            Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        }

        (int good, _) = await server.Post(Text, """{"prompt": "a", "max_tokens": 1, "nonsense": [1, {"a": null}], "seed": null}""");
        Assert.Equal(200, good);
    }

    [Fact]
    public async Task Bodies_that_are_too_large_too_deep_or_no_text_are_refused()
    {
        await using ServerFixture server = await ServerFixture.Start(options: new ServerOptions { MostBytes = 100_000 });
        (int status, JsonElement body) = await server.Post(Text, $$"""{"prompt": "{{new string('a', 200_000)}}"}""");
        Assert.Equal(413, status);
        Assert.Contains("100,000 bytes", body.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);

        (status, body) = await server.Post(Text, $$"""{"prompt": "a", "x": {{new string('[', 30_000)}}""");
        Assert.Equal(400, status);
        Assert.Contains("deeper than 64", body.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);

        using var bytes = new ByteArrayContent([.. "{\"prompt\": \""u8, 0xff, 0xfe, .. "\"}"u8]);
        bytes.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using HttpResponseMessage response = await server.Send(HttpMethod.Post, Text, bytes);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("not valid UTF-8", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_has_no_key_is_turned_away()
    {
        await using ServerFixture server = await ServerFixture.Start(options: new ServerOptions { ApiKeys = ["first", "second"] });
        (string? Header, int Status)[] cases = [(null, 401), ("Bearer", 401), ("Bearer third", 401), ("Basic first", 401), ("Bearer first", 200), ("bearer second", 200)];
        foreach ((string? header, int status) in cases)
        {
            using HttpResponseMessage response = await server.Send(HttpMethod.Get, "/v1/models", null, header is null ? [] : [("Authorization", header)]);
            Assert.Equal(status, (int)response.StatusCode);
        }

        using HttpResponseMessage health = await server.Send(HttpMethod.Get, "/health");
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }

    [Fact]
    public async Task Only_json_is_taken()
    {
        await using ServerFixture server = await ServerFixture.Start();
        using var form = new StringContent("""{"prompt": "a"}""", Encoding.UTF8, "text/plain");
        using HttpResponseMessage response = await server.Send(HttpMethod.Post, Text, form);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
    }
}
