using System.Text;
using System.Text.Json;

namespace Lean.Engine.Tests.Http;

/// <summary>Thoughts and calls leave the server as clients of OpenAI's APIs expect them.</summary>
public sealed class ToolTests
{
    private const string Tools = """
        "tools": [{"type": "function", "function": {"name": "weather", "description": "Tells it", "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}}]
        """;

    private const string Xml = "It asks for the weather.\n</think>\n\nLet me look.\n\n<tool_call>\n<function=weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=weather>\n<parameter=city>\nRome\n</parameter>\n</function>\n</tool_call>";
    private const string Json = "<think>\nIt asks for the weather.\n</think>\n\nLet me look.\n\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 3}}\n</tool_call>\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>";

    public static TheoryData<string, string> Formats => new() { { "qwen3.5", Xml }, { "qwen3", Json } };

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task A_chat_calls_functions(string template, string script)
    {
        await using ServerFixture server = await ServerFixture.Script(new ScriptedModel(ServerFixture.Tokens(script)), template);
        string request = $$"""{"messages": [{"role": "user", "content": "What is the weather?"}], {{Tools}}}""";
        (int status, JsonElement body) = await server.Post("/v1/chat/completions", request);
        Assert.True(status == 200, body.ToString());
        JsonElement choice = body.GetProperty("choices")[0], message = choice.GetProperty("message");
        Assert.Equal("tool_calls", choice.GetProperty("finish_reason").GetString());
        Assert.Equal("It asks for the weather.", message.GetProperty("reasoning_content").GetString());
        Assert.Equal("Let me look.", message.GetProperty("content").GetString());
        (string Name, string Arguments)[] calls = [.. message.GetProperty("tool_calls").EnumerateArray().Select(static c => c.GetProperty("function"))
            .Select(static f => (f.GetProperty("name").GetString()!, f.GetProperty("arguments").GetString()!))];
        Assert.Equal([("weather", "{\"city\": \"Paris\", \"days\": 3}"), ("weather", "{\"city\": \"Rome\"}")], calls);

        List<string> events = await server.Events("/v1/chat/completions", request.Replace("{\"messages", "{\"stream\": true, \"messages", StringComparison.Ordinal));
        StringBuilder[] arguments = [new(), new()];
        var (content, reasoning) = (new StringBuilder(), new StringBuilder());
        string? finish = null;
        foreach (string data in events[..^1])
        {
            JsonElement piece = JsonDocument.Parse(data).RootElement.GetProperty("choices")[0], delta = piece.GetProperty("delta");
            finish = piece.GetProperty("finish_reason").GetString();
            content.Append(delta.TryGetProperty("content", out JsonElement c) ? c.GetString() : "");
            reasoning.Append(delta.TryGetProperty("reasoning_content", out JsonElement r) ? r.GetString() : "");
            foreach (JsonElement call in delta.TryGetProperty("tool_calls", out JsonElement list) ? list.EnumerateArray() : [])
            {
                StringBuilder text = arguments[call.GetProperty("index").GetInt32()];
                if (call.TryGetProperty("id", out JsonElement id))
                {
                    Assert.Equal(0, text.Length);
                    Assert.StartsWith("call_", id.GetString());
                    Assert.Equal("weather", call.GetProperty("function").GetProperty("name").GetString());
                }

                text.Append(call.GetProperty("function").GetProperty("arguments").GetString());
            }
        }

        Assert.Equal(("Let me look.", "It asks for the weather.", "tool_calls"), (content.ToString(), reasoning.ToString(), finish));
        Assert.Equal(calls.Select(static c => c.Arguments), arguments.Select(static a => a.ToString()));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task A_response_calls_functions(string template, string script)
    {
        await using ServerFixture server = await ServerFixture.Script(new ScriptedModel(ServerFixture.Tokens(script)), template);
        const string Flat = """
            "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}]
            """;
        (int status, JsonElement body) = await server.Post("/v1/responses", $$"""{"input": "What is the weather?", {{Flat}}}""");
        Assert.True(status == 200, body.ToString());
        JsonElement[] items = [.. body.GetProperty("output").EnumerateArray()];
        Assert.Equal(["reasoning", "message", "function_call", "function_call"], items.Select(static i => i.GetProperty("type").GetString()));
        Assert.Equal("{\"city\": \"Rome\"}", items[3].GetProperty("arguments").GetString());

        // What was called comes back with its answer, and the template has a place for both.
        (status, body) = await server.Post("/v1/responses", $$"""
            {"input": [{"role": "user", "content": "What is the weather?"},
                       {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{\"city\": \"Paris\"}"},
                       {"type": "function_call_output", "call_id": "c1", "output": "rain"}], {{Flat}}, "stream": false}
            """);
        Assert.True(status == 200, body.ToString());

        List<string> events = await server.Events("/v1/responses", $$"""{"input": "What is the weather?", {{Flat}}, "stream": true}""");
        JsonElement[] parsed = [.. events.Select(static e => JsonDocument.Parse(e).RootElement)];
        Assert.Equal(Enumerable.Range(0, parsed.Length), parsed.Select(static e => e.GetProperty("sequence_number").GetInt32()));
        JsonElement last = parsed[^1];
        Assert.Equal("response.completed", last.GetProperty("type").GetString());
        Assert.Equal(4, last.GetProperty("response").GetProperty("output").GetArrayLength());
        string deltas = string.Concat(parsed.Where(static e => e.GetProperty("type").GetString() == "response.function_call_arguments.delta" && e.GetProperty("output_index").GetInt32() == 2)
            .Select(static e => e.GetProperty("delta").GetString()));
        Assert.Equal("{\"city\": \"Paris\", \"days\": 3}", deltas);
    }

    [Fact]
    public async Task Without_tools_a_call_is_text()
    {
        await using ServerFixture server = await ServerFixture.Script(new ScriptedModel(ServerFixture.Tokens(Json)), "qwen3");
        string none = $$"""{"messages": [{"role": "user", "content": "What is the weather?"}], {{Tools}}, "tool_choice": "none"}""";
        foreach (string request in (string[])[none, """{"messages": [{"role": "user", "content": "What is the weather?"}]}"""])
        {
            (_, JsonElement body) = await server.Post("/v1/chat/completions", request);
            JsonElement choice = body.GetProperty("choices")[0];
            Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
            Assert.Contains("<tool_call>", choice.GetProperty("message").GetProperty("content").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Thinking_can_be_turned_off()
    {
        await using ServerFixture server = await ServerFixture.Script(new ScriptedModel(ServerFixture.Tokens("Hello")), "qwen3.5");
        (string Extra, string Field)[] cases = [("", "reasoning_content"), (""", "chat_template_kwargs": {"enable_thinking": false}""", "content"), (""", "reasoning_effort": "none" """, "content")];
        foreach ((string extra, string field) in cases)
        {
            (_, JsonElement body) = await server.Post("/v1/chat/completions", $$"""{"messages": [{"role": "user", "content": "Hi"}]{{extra}}}""");
            Assert.Equal("Hello", body.GetProperty("choices")[0].GetProperty("message").GetProperty(field).GetString());
        }
    }

    [Fact]
    public async Task A_template_without_tools_refuses_them()
    {
        await using ServerFixture server = await ServerFixture.Start();
        (int status, JsonElement body) = await server.Post("/v1/chat/completions", $$"""{"messages": [{"role": "user", "content": "Hi"}], {{Tools}}}""");
        Assert.Equal(400, status);
        Assert.Equal("tools", body.GetProperty("error").GetProperty("param").GetString());
    }
}
