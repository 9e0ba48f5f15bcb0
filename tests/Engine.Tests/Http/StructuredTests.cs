using System.Text.Json;

namespace Lean.Engine.Tests.Http;

/// <summary>Answers that have to look like something do, from a model that would say something else.</summary>
public sealed class StructuredTests
{
    private const string Person = """{"type": "object", "properties": {"name": {"enum": ["Romeo", "Juliet"]}, "alive": {"type": "boolean"}}, "required": ["name", "alive"], "additionalProperties": false}""";
    private const string Tools = $$$"""
        "tools": [{"type": "function", "function": {"name": "find", "parameters": {{{Person}}} }}, {"type": "function", "function": {"name": "end", "parameters": {"type": "object", "properties": {}, "additionalProperties": false} }}]
        """;

    [Theory]
    [InlineData("/v1/chat/completions", "\"messages\": [{\"role\": \"user\", \"content\": \"Who is there?\"}], \"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"person\", \"strict\": true, \"schema\": SCHEMA}}")]
    [InlineData("/v1/completions", "\"prompt\": \"Who is there?\", \"max_tokens\": 60, \"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"person\", \"schema\": SCHEMA}}")]
    [InlineData("/v1/completions", "\"prompt\": [[405, 308], \"ROMEO:\"], \"max_tokens\": 60, \"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"schema\": SCHEMA}}")]
    [InlineData("/v1/responses", "\"input\": \"Who is there?\", \"text\": {\"format\": {\"type\": \"json_schema\", \"name\": \"person\", \"schema\": SCHEMA}}")]
    public async Task A_schema_is_satisfied(string path, string body)
    {
        await using ServerFixture server = await ServerFixture.Start();
        (int status, JsonElement answer) = await server.Post(path, $$"""{{{body.Replace("SCHEMA", Person, StringComparison.Ordinal)}}, "temperature": 0}""");
        Assert.True(status == 200, answer.ToString());
        string text = answer.TryGetProperty("choices", out JsonElement choices)
            ? (choices[0].TryGetProperty("text", out JsonElement found) ? found : choices[0].GetProperty("message").GetProperty("content")).GetString()!
            : answer.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString()!;
        JsonElement person = JsonDocument.Parse(text).RootElement;
        Assert.Contains(person.GetProperty("name").GetString(), (string[])["Romeo", "Juliet"]);
        Assert.Contains(person.GetProperty("alive").ValueKind, (JsonValueKind[])[JsonValueKind.True, JsonValueKind.False]);
        Assert.Equal(2, person.EnumerateObject().Count());
    }

    [Theory]
    [InlineData("qwen3", "\"required\"", "find,end")]
    [InlineData("qwen3.5", "\"required\"", "find,end")]
    [InlineData("qwen3", "{\"type\": \"function\", \"function\": {\"name\": \"find\"}}", "find")]
    [InlineData("qwen3-coder", "{\"type\": \"function\", \"function\": {\"name\": \"end\"}}", "end")]
    public async Task A_call_that_must_be_is_made(string template, string choice, string expected)
    {
        await using ServerFixture server = await ServerFixture.Start(template: template);
        (int status, JsonElement body) = await server.Post(
            "/v1/chat/completions",
            $$$"""{"messages": [{"role": "user", "content": "Who is there?"}], {{{Tools}}}, "tool_choice": {{{choice}}}, "parallel_tool_calls": false, "temperature": 0, "max_tokens": 300, "chat_template_kwargs": {"enable_thinking": false}}""");
        Assert.True(status == 200, body.ToString());
        JsonElement made = body.GetProperty("choices")[0];
        Assert.True(made.GetProperty("finish_reason").GetString() == "tool_calls", body.ToString());
        JsonElement function = Assert.Single(made.GetProperty("message").GetProperty("tool_calls").EnumerateArray()).GetProperty("function");
        Assert.Contains(function.GetProperty("name").GetString(), expected.Split(','));
        JsonElement arguments = JsonDocument.Parse(function.GetProperty("arguments").GetString()!).RootElement;
        Assert.Equal(function.GetProperty("name").GetString() == "find" ? 2 : 0, arguments.EnumerateObject().Count());
    }

    [Theory]
    [InlineData("\"response_format\": {\"type\": \"json_schema\"}", "response_format")]
    [InlineData("\"prompt\": \"a\", \"response_format\": {\"type\": \"json_schema\"}", "response_format", "/v1/completions")]
    [InlineData("\"prompt\": \"a\", \"response_format\": {\"type\": \"xml\"}", "response_format.type", "/v1/completions")]
    [InlineData("\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"schema\": {\"type\": \"object\", \"if\": {}}}}", "response_format.json_schema.schema")]
    [InlineData("\"tool_choice\": \"required\"", "tool_choice")]
    [InlineData($"{Tools}, \"tool_choice\": {{\"type\": \"function\", \"function\": {{\"name\": \"lose\"}}}}", "tool_choice.function.name")]
    [InlineData($"{Tools}, \"tool_choice\": \"required\", \"response_format\": {{\"type\": \"json_object\"}}", "tool_choice")]
    public async Task What_cannot_be_is_refused(string extra, string field, string path = "/v1/chat/completions")
    {
        await using ServerFixture server = await ServerFixture.Start(template: "qwen3");
        (int status, JsonElement body) = await server.Post(path, $$"""{"messages": [{"role": "user", "content": "Who is there?"}], {{extra}}}""");
        Assert.True(status == 400 && body.GetProperty("error").GetProperty("param").GetString() == field, body.ToString());
    }
}
