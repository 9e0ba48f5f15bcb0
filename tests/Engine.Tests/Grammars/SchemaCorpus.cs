using System.Text.Json.Nodes;

namespace Lean.Engine.Tests.Grammars;

/// <summary>500 schemas of the kinds that people send: those in Data/grammars, and others put together from the same parts.</summary>
internal static class SchemaCorpus
{
    internal const int Count = 500;

    private static readonly string[] Names =
    [
        "id", "name", "title", "summary", "status", "price", "quantity", "created_at", "tags", "email", "is_active", "score", "category", "notes",
        "address", "user", "items", "url", "description", "priority", "größe", "first name", "x\"y", "$ref", "a/b", "count", "meta", "parent",
    ];

    /// <summary>All of them.</summary>
    internal static IReadOnlyList<string> All { get; } = Make();

    private static List<string> Make()
    {
        List<string> schemas = [.. File.ReadLines(TestData.Path("grammars/schemas.jsonl"))];
        for (int seed = 0; schemas.Count < Count; seed++)
        {
            var random = new Random(seed);
            var root = (JsonObject)Object(random, 0, hasDefinitions: seed % 3 == 0);
            if (seed % 3 == 0)
            {
                root["$defs"] = new JsonObject { ["part"] = Object(random, 2, hasDefinitions: false), ["word"] = Scalar(random) };
            }

            schemas.Add(root.ToJsonString());
        }

        return schemas;
    }

    private static JsonNode Value(Random random, int depth, bool hasDefinitions) => random.Next(depth < 3 ? 12 : 7) switch
    {
        < 7 => Scalar(random),
        7 or 8 => Object(random, depth + 1, hasDefinitions),
        9 => Array(random, depth + 1, hasDefinitions),
        10 when hasDefinitions => new JsonObject { ["$ref"] = random.Next(2) == 0 ? "#/$defs/part" : "#/$defs/word" },
        _ => new JsonObject { ["anyOf"] = new JsonArray(Scalar(random), Object(random, depth + 1, hasDefinitions), new JsonObject { ["type"] = "null" }) },
    };

    private static JsonNode Object(Random random, int depth, bool hasDefinitions)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        int count = random.Next(1, depth == 0 ? 7 : 4);
        foreach (string name in Names.OrderBy(_ => random.Next()).Take(count))
        {
            properties[name] = Value(random, depth, hasDefinitions);
            if (random.Next(3) > 0)
            {
                required.Add(name);
            }
        }

        var schema = new JsonObject { ["type"] = "object", ["title"] = "Part", ["properties"] = properties, ["required"] = required };
        switch (random.Next(5))
        {
            case 0:
                break;
            case 1:
                schema["additionalProperties"] = Scalar(random);
                break;
            default:
                schema["additionalProperties"] = false;
                break;
        }

        return schema;
    }

    private static JsonObject Array(Random random, int depth, bool hasDefinitions)
    {
        int least = random.Next(3);
        return new JsonObject { ["type"] = "array", ["items"] = Value(random, depth, hasDefinitions), ["minItems"] = least, ["maxItems"] = least + random.Next(1, 4) };
    }

    private static JsonNode Scalar(Random random) => JsonNode.Parse(random.Next(20) switch
    {
        0 => """{"type":"boolean"}""",
        1 => """{"type":"integer"}""",
        2 => $$"""{"type":"integer","minimum":{{random.Next(-200, 50)}},"maximum":{{random.Next(50, 3000)}}}""",
        3 => $$"""{"type":"number","minimum":{{random.Next(-20, 5)}}.{{random.Next(100)}},"exclusiveMaximum":{{random.Next(6, 300)}}.5}""",
        4 => """{"type":"number"}""",
        5 => """{"type":["string","null"],"maxLength":14}""",
        6 => $$"""{"type":"string","minLength":{{random.Next(4)}},"maxLength":{{random.Next(4, 40)}}}""",
        7 => """{"type":"string","format":"date-time"}""",
        8 => """{"type":"string","format":"date"}""",
        9 => """{"type":"string","format":"email"}""",
        10 => """{"type":"string","format":"uuid"}""",
        11 => """{"type":"string","pattern":"^[A-Z]{2}-\\d{3,5}$"}""",
        12 => """{"type":"string","pattern":"^(low|medium|high)( priority)?$"}""",
        13 => """{"type":"string","enum":["draft","published","archived","draft v2"]}""",
        14 => """{"enum":[1,2,3,"four",null]}""",
        15 => """{"const":"fixed"}""",
        16 => """{"type":"string","pattern":"^[^\\s@]{1,8}$"}""",
        17 => """{"type":"array","items":{"type":"string","maxLength":8},"maxItems":3}""",
        18 => """{"type":"integer","exclusiveMinimum":0,"multipleOf":10,"maximum":990}""",
        _ => """{"type":"string","description":"free text"}""",
    })!;
}
