using Lean.Engine.Grammars;
using Lean.Tensors;

namespace Lean.Engine.Tests.Grammars;

/// <summary>Schemas that are refused: what they hold is not supported, or they mean harm.</summary>
public sealed class RefusalTests
{
    [Theory]
    [InlineData("""{"not":{"type":"string"}}""", "at #: the keyword \"not\" is not supported")]
    [InlineData("""{"type":"object","properties":{"a":{"if":{},"then":{}}},"required":["a"]}""", "at #/properties/a: the keyword \"if\"")]
    [InlineData("""{"type":"object","patternProperties":{"^a":{}}}""", "\"patternProperties\"")]
    [InlineData("""{"type":"object","propertyNames":{"maxLength":3}}""", "\"propertyNames\"")]
    [InlineData("""{"type":"array","uniqueItems":true}""", "\"uniqueItems\"")]
    [InlineData("""{"type":"array","contains":{"type":"null"}}""", "\"contains\"")]
    [InlineData("""{"type":"object","dependentRequired":{"a":["b"]}}""", "\"dependentRequired\"")]
    [InlineData("""{"type":"object","dependentSchemas":{"a":{}}}""", "\"dependentSchemas\"")]
    [InlineData("""{"type":"object","unevaluatedProperties":{"type":"null"}}""", "\"unevaluatedProperties\"")]
    [InlineData("""{"$dynamicRef":"#x"}""", "\"$dynamicRef\"")]
    [InlineData("""{"type":"string","format":"idn-email"}""", "at #/format: the format \"idn-email\" is not supported, expected one of date, ")]
    [InlineData("""{"type":"string","contentEncoding":"base64"}""", "\"contentEncoding\"")]
    [InlineData("""{"type":"string","pattern":"(?=x)"}""", "at #/pattern: the pattern looks ahead")]
    [InlineData("""{"type":"strin"}""", "at #/type: expected null, boolean, integer, number, string, array or object, found \"strin\"")]
    [InlineData("""{"type":"string","minLength":"3"}""", "at #/minLength: expected a whole number of at least 0, found \"3\"")]
    [InlineData("""{"type":"number","multipleOf":0}""", "multipleOf 0 is not supported")]
    [InlineData("""{"type":"number","minimum":3,"exclusiveMinimum":true}""", "\"exclusiveMinimum\" is a truth value")]
    [InlineData("""{"$ref":"#/$defs/none"}""", "at #/$ref: \"#/$defs/none\" is not in the schema")]
    [InlineData("""{"$ref":"https://example.com/a.json"}""", "is outside the schema")]
    [InlineData("""{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}""", "cannot be satisfied")]
    [InlineData("""{"anyOf":[{"$ref":"#"},{"type":"null"}]}""", "refers to itself without anything in between")]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}""", "cannot be satisfied")]
    [InlineData("""{"enum":[]}""", "cannot be satisfied")]
    [InlineData("""{"type":"string","const":3}""", "cannot be satisfied")]
    [InlineData("""{"type":"object","properties":{"a":false},"required":["a"]}""", "cannot be satisfied")]
    [InlineData("""{"type":"integer","minimum":3,"maximum":2}""", "cannot be satisfied")]
    [InlineData("""{"type":"string","pattern":"^a$","minLength":2}""", "cannot be satisfied")]
    [InlineData("""{"type":"array","items":false,"minItems":1}""", "cannot be satisfied")]
    [InlineData("""{"oneOf":[{"type":"string"},{"type":"string","maxLength":3}]}""", "at #/oneOf: schemas 1 and 2 may hold for the same value")]
    [InlineData("""{"oneOf":[{"type":"object","properties":{"a":{}}},{"type":"object","properties":{"b":{}}}]}""", "may hold for the same value")]
    [InlineData("""{"properties":[]}""", "at #/properties: expected an object, found an array")]
    [InlineData("""{"anyOf":[]}""", "at #/anyOf: expected a list of at least one schema")]
    [InlineData("[]", "at #: expected a schema: an object, true or false, found an array")]
    [InlineData("""{"enum":["\ud800"]}""", "no Unicode text")]
    [InlineData("""{"properties":{"\udc00":{}}}""", "no Unicode text")]
    public void What_is_wrong_is_named_with_its_place(string schema, string reason)
    {
        InputException wrong = Assert.Throws<InputException>(() => JsonSchemaTests.Compile(schema));
        Assert.StartsWith("the schema", wrong.Message, StringComparison.Ordinal);
        Assert.Contains(reason, wrong.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("chain")]
    [InlineData("wide")]
    [InlineData("product")]
    [InlineData("patterns")]
    [InlineData("counts")]
    [InlineData("names")]
    [InlineData("enum")]
    [InlineData("nested")]
    [InlineData("ambiguous")]
    public void Hostile_schemas_end_in_a_sentence_or_a_small_grammar(string kind)
    {
        Grammar grammar;
        try
        {
            grammar = JsonSchemaTests.Compile(Hostile(kind));
        }
        catch (InputException wrong)
        {
            Assert.InRange(wrong.Message.Length, 20, 400);
            return;
        }

        // Whatever has been let in stays small while it is followed.
        var walk = new GrammarWalk(grammar, JsonSchemaTests.Tokens, new Random(1));
        walk.Complete(new GrammarState(grammar), 5);
        Assert.InRange(grammar.Bytes, 0, 64 << 20);
    }

    private static string Hostile(string kind)
    {
        return kind switch
        {
            // References that lead on from each other.
            "chain" => "{\"$ref\":\"#/$defs/a0\",\"$defs\":{" + Many(3000, static i => $"\"a{i}\":" + $$"""{"allOf":[{"$ref":"#/$defs/a{{i + 1}}"}]}""") + ",\"a3000\":{\"type\":\"null\"}}}",
            "wide" => Properties(1024, static i => """{"type":"string"}"""),
            "product" => "{\"allOf\":[" + Many(12, static i => $$"""{"anyOf":[{{Three(i)}}]}""") + "]}",
            "patterns" => Properties(900, static i => $$"""{"type":"string","pattern":"^(a|b)*{{i}}(a|b){10}$"}"""),
            "counts" => """{"type":"array","maxItems":2000000000,"items":{"type":"string","maxLength":2000000000}}""",
            "names" => "{\"additionalProperties\":true,\"properties\":{" + Many(500, static i => $"\"{new string('x', 50)}{i}\":{{}}") + "}}",
            "enum" => "{\"enum\":[" + Many(60000, static i => $"\"value number {i}\"") + "]}",
            "nested" => string.Concat(Enumerable.Repeat("{\"type\":\"array\",\"items\":", 50)) + "{}" + new string('}', 50),

            // Ways to read one text double with every level, unless they are joined.
            _ => """{"$ref":"#/$defs/r","$defs":{"r":{"anyOf":[{"type":"object","properties":{"x":{"$ref":"#/$defs/r"}}},{"type":"object","properties":{"x":{"$ref":"#/$defs/r"},"y":{"type":"null"}}},{"type":"array","items":{"$ref":"#/$defs/r"}}]}}}""",
        };

        static string Many(int count, Func<int, string> part) => string.Join(',', Enumerable.Range(0, count).Select(part));

        static string Properties(int count, Func<int, string> schema) =>
            "{\"type\":\"object\",\"properties\":{" + Many(count, i => $"\"p{i}\":{schema(i)}") + "}}";

        static string Three(int i) => $"{{\"properties\":{{\"a{i}\":{{}}}}}},{{\"properties\":{{\"b{i}\":{{}}}}}},{{\"properties\":{{\"c{i}\":{{}}}}}}";
    }
}
