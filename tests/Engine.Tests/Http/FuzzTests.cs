using System.Net.Http.Headers;
using System.Text;
using Lean.Engine.Tests.Fuzzing;

namespace Lean.Engine.Tests.Http;

/// <summary>Whatever a body holds, it is answered or refused: never a failure of the server, and the next request is served.</summary>
public sealed class FuzzTests
{
    private const int Inputs = 600;

    private static readonly string[] Words =
    [
        "\"n\":", "\"stop\":", "\"tools\":[", "\"tool_choice\":", "\"required\"", "\"response_format\":{\"type\":", "\"json_object\"", "\"json_schema\":{\"schema\":", "\"logit_bias\":{", "\"stream\":true",
        "\"stream_options\":{", "\"include_usage\":true", "\"messages\":[", "\"role\":\"tool\"", "\"tool_calls\":[", "\"arguments\":\"{\"", "\"content\":[{\"type\":\"text\"", "\"chat_template_kwargs\":{", "\"messages\":",
        "\"add_generation_prompt\":", "\"logprobs\":", "\"top_logprobs\":", "\"input\":[", "\"type\":\"function_call\"", "\"include\":[", "\"prompt\":[[", "null", "true", "{", "}", "[", "]", ",", ":", "\"\"",
    ];

    public static TheoryData<string, string, string> Seeds => new()
    {
        {
            "/v1/chat/completions",
            """{"messages": [{"role": "system", "content": "Be"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]}, {"role": "tool", "tool_call_id": "c", "content": "b"}], "max_tokens": 3, "logprobs": true, "top_logprobs": 2, "seed": 1}""",
            """{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}], "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}], "tool_choice": "auto", "stream": true, "stream_options": {"include_usage": true}, "stop": ["x"], "temperature": 0.5}"""
        },
        {
            "/v1/completions",
            """{"prompt": ["a", [1, 2, 3]], "max_tokens": 3, "logprobs": 2, "logit_bias": {"5": -1.5}, "min_tokens": 1, "stop_token_ids": [7]}""",
            """{"prompt": "a", "n": 2, "stream": true, "echo": true, "ignore_eos": true, "max_tokens": 4, "presence_penalty": 1, "priority": -3}"""
        },
        {
            "/v1/responses",
            """{"input": [{"role": "user", "content": "a"}, {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, {"type": "function_call_output", "call_id": "c", "output": "b"}], "max_output_tokens": 3, "tools": [{"type": "function", "name": "f"}]}""",
            """{"input": "a", "instructions": "b", "stream": true, "include": ["message.output_text.logprobs"], "top_logprobs": 1, "text": {"format": {"type": "text"}}, "metadata": {"k": "v"}}"""
        },
        { "/tokenize", """{"prompt": "a <|im_end|>", "return_token_strs": true}""", """{"messages": [{"role": "user", "content": "a"}]}""" },
    };

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Broken_bodies_break_nothing(string path, string first, string second)
    {
        await using ServerFixture server = await ServerFixture.Script(new ScriptedModel(ServerFixture.Tokens("It is me.")), "qwen3.5");
        var mutator = new Mutator(seed: 3, Words);
        byte[][] seeds = [Encoding.UTF8.GetBytes(first), Encoding.UTF8.GetBytes(second)];
        var statuses = new Dictionary<int, int>();
        foreach (byte[] seed in seeds)
        {
            Assert.Equal(200, await Send(server, path, seed));
        }

        for (int i = 0; i < Inputs; i++)
        {
            byte[] body = mutator.Mutate(seeds[i % 2], seeds[1 - (i % 2)]);
            int status = await Send(server, path, body);
            Assert.True(status is 200 or 400 or 404 or 413, $"{status} for {Encoding.UTF8.GetString(body)}");
            statuses[status] = statuses.GetValueOrDefault(status) + 1;
        }

        Assert.InRange(statuses[200], 5, Inputs);
        Assert.InRange(statuses[400], Inputs / 4, Inputs);
        Assert.Equal(0, server.Host.Open);
    }

    private static async Task<int> Send(ServerFixture server, string path, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using HttpResponseMessage response = await server.Send(HttpMethod.Post, path, content);
        _ = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        return (int)response.StatusCode;
    }
}
