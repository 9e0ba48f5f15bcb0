using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lean.Engine.Grammars;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Tests.Grammars;

/// <summary>Calls of functions that grammars let through, in both syntaxes.</summary>
public sealed partial class ToolCallTests
{
    private const string Weather = """{"type":"object","properties":{"city":{"type":"string","maxLength":30},"unit":{"type":"string","enum":["C","F"]},"days":{"type":"integer","minimum":1,"maximum":14}},"required":["city","days"],"additionalProperties":false}""";
    private const string Search = """{"type":"object","properties":{"query":{"type":"string","pattern":"^[a-z ]{1,20}$"},"filters":{"type":"object","properties":{"lang":{"type":["string","null"],"maxLength":5}},"required":["lang"],"additionalProperties":false}},"required":["query"],"additionalProperties":false}""";

    private static readonly Dictionary<string, string?> Schemas = new() { ["get_weather"] = Weather, ["search"] = Search, ["now"] = """{"type":"object","properties":{}}""" };

    private static Tokenizer Tokens => JsonSchemaTests.Tokens;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Calls_have_a_name_and_arguments_of_their_schema(bool isXml)
    {
        Grammar grammar = new GrammarCache(Tokens, Tokens.VocabularySize).ToolCalls(Tools(), isXml ? ToolCallSyntax.Xml : ToolCallSyntax.Json, many: true);
        var called = new HashSet<string>();
        int most = 0;
        for (int seed = 0; seed < 120; seed++)
        {
            string text = Encoding.UTF8.GetString(new GrammarWalk(grammar, Tokens, new Random(seed)).Complete(new GrammarState(grammar), seed));
            string[] calls = text.Split("</tool_call>");
            Assert.Equal("", calls[^1]);
            most = int.Max(most, calls.Length - 1);
            foreach (string call in calls[..^1])
            {
                Match frame = Frame().Match(call);
                Assert.True(frame.Success, text);
                (string name, string arguments) = isXml ? ReadXml(frame.Groups[1].Value) : ReadJson(frame.Groups[1].Value);
                called.Add(name);
                JsonSchemaTests.MustSatisfy(Schemas[name]!, Encoding.UTF8.GetBytes(arguments));
            }
        }

        Assert.Equal(Schemas.Keys.Order(), called.Order());
        Assert.InRange(most, 2, 1000);
    }

    [Fact]
    public void One_call_is_all_where_there_may_be_no_more()
    {
        Grammar grammar = new GrammarCache(Tokens, Tokens.VocabularySize).ToolCalls(Tools()[2..], ToolCallSyntax.Json, many: false);
        var state = new GrammarState(grammar);
        new GrammarWalk(grammar, Tokens, new Random(0)).Complete(state, 0);
        Assert.True(state.IsFinal);
    }

    [Fact]
    public void What_a_syntax_cannot_write_is_named()
    {
        var cache = new GrammarCache(Tokens, Tokens.VocabularySize);
        using JsonDocument odd = JsonDocument.Parse("""{"type":"object","properties":{"a>b":{}}}"""), list = JsonDocument.Parse("""{"type":"array"}"""), not = JsonDocument.Parse("""{"type":"object","properties":{"a":{"not":{}}}}""");
        Assert.Contains("the parameter is \"a>b\"", Refused(odd, ToolCallSyntax.Xml), StringComparison.Ordinal);
        Assert.Contains("must be an object", Refused(list, ToolCallSyntax.Xml), StringComparison.Ordinal);
        Assert.Contains("tools[0].parameters, at #/properties/a: the keyword \"not\"", Refused(not, ToolCallSyntax.Json), StringComparison.Ordinal);

        string Refused(JsonDocument schema, ToolCallSyntax syntax) =>
            Assert.Throws<InputException>(() => cache.ToolCalls([new GrammarTool("f", schema.RootElement)], syntax, many: true)).Message;
    }

    private static List<GrammarTool> Tools() => [.. Schemas.Select(static s => new GrammarTool(s.Key, JsonDocument.Parse(s.Value!).RootElement))];

    private static (string Name, string Arguments) ReadJson(string call)
    {
        JsonNode node = JsonNode.Parse(call)!;
        return (node["name"]!.GetValue<string>(), node["arguments"]!.ToJsonString());
    }

    private static (string Name, string Arguments) ReadXml(string call)
    {
        Match function = Function().Match(call);
        Assert.True(function.Success, call);
        string name = function.Groups[1].Value;
        JsonNode schema = JsonNode.Parse(Schemas[name]!)!;
        var arguments = new JsonObject();
        foreach (Match parameter in Parameter().Matches(function.Groups[2].Value))
        {
            string key = parameter.Groups[1].Value, value = parameter.Groups[2].Value;
            arguments[key] = schema["properties"]![key]!["type"] is JsonValue type && type.GetValue<string>() == "string" ? JsonValue.Create(value) : JsonNode.Parse(value);
        }

        return (name, arguments.ToJsonString());
    }

    [GeneratedRegex(@"^\n?<tool_call>\n(.*)\n$", RegexOptions.Singleline)]
    private static partial Regex Frame();

    [GeneratedRegex(@"^<function=(\w+)>\n(.*)</function>$", RegexOptions.Singleline)]
    private static partial Regex Function();

    [GeneratedRegex(@"<parameter=(\w+)>\n(.*?)\n</parameter>\n", RegexOptions.Singleline)]
    private static partial Regex Parameter();
}
