using System.Text.Json;
using Lean.Engine.Grammars.Patterns;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>Reads the keywords of a schema into <see cref="SchemaFacts"/>. What cannot be enforced is refused by name; annotations and unknown keywords say nothing.</summary>
internal static class KeywordReader
{
    private const int MostProperties = 1024;

    private static readonly HashSet<string> Unsupported =
    [
        "not", "if", "then", "else", "dependentSchemas", "dependentRequired", "dependencies", "contains", "minContains", "maxContains",
        "patternProperties", "propertyNames", "unevaluatedItems", "additionalItems", "contentEncoding", "contentMediaType", "contentSchema",
        "$dynamicRef", "$recursiveRef",
    ];

    /// <summary>What some schemas come to.</summary>
    /// <exception cref="InputException">A keyword is not supported, or its value is wrong.</exception>
    public static SchemaFacts Read(IEnumerable<SchemaPlace> schemas)
    {
        var facts = new SchemaFacts();
        foreach (SchemaPlace schema in schemas)
        {
            var shape = new SchemaShape();
            facts.Shapes.Add(shape);
            bool isNullable = schema.Element.TryGetProperty("nullable", out JsonElement nullable) && schema.Member("nullable", nullable).Flag();
            foreach ((string name, SchemaPlace value) in schema.Members())
            {
                if (Unsupported.Contains(name))
                {
                    throw schema.Refuse($"the keyword \"{name}\" is not supported");
                }

                Read(name, value, isNullable, facts, shape);
            }
        }

        return facts;
    }

    private static void Read(string name, SchemaPlace value, bool isNullable, SchemaFacts facts, SchemaShape shape)
    {
        switch (name)
        {
            case "type":
                facts.SaysTypes = true;
                facts.Types &= Types(value) | (isNullable ? JsonTypes.Null : JsonTypes.None);
                break;
            case "enum":
                Only(value.Items(), isNullable, facts);
                break;
            case "const":
                Only([value], isNullable, facts);
                break;
            case "minLength" or "maxLength" or "pattern" or "format":
                ReadString(name, value, facts);
                break;
            case "minimum" or "maximum" or "exclusiveMinimum" or "exclusiveMaximum" or "multipleOf":
                facts.Meant |= JsonTypes.Number;
                ReadNumber(name, value, facts);
                break;
            case "items" or "prefixItems" or "minItems" or "maxItems" or "uniqueItems":
                facts.Meant |= JsonTypes.Array;
                ReadArray(name, value, facts, shape);
                break;
            case "properties" or "required" or "additionalProperties" or "unevaluatedProperties" or "minProperties" or "maxProperties":
                facts.Meant |= JsonTypes.Object;
                ReadObject(name, value, facts, shape);
                break;
        }
    }

    private static JsonTypes Types(SchemaPlace value)
    {
        JsonTypes types = JsonTypes.None;
        foreach (SchemaPlace item in value.Element.ValueKind == JsonValueKind.Array ? value.Items() : [value])
        {
            types |= item.Text() switch
            {
                "null" => JsonTypes.Null,
                "boolean" => JsonTypes.Boolean,
                "integer" => JsonTypes.Integer,
                "number" => JsonTypes.Number,
                "string" => JsonTypes.String,
                "array" => JsonTypes.Array,
                "object" => JsonTypes.Object,
                _ => throw item.Wrong("null, boolean, integer, number, string, array or object"),
            };
        }

        return types;
    }

    private static void Only(List<SchemaPlace> values, bool isNullable, SchemaFacts facts)
    {
        var texts = new Dictionary<string, JsonElement>();
        foreach (SchemaPlace value in values)
        {
            try
            {
                texts.TryAdd(JsonText.Of(value.Element), value.Element);
            }
            catch (InvalidOperationException)
            {
                throw value.Refuse("holds a string that is no Unicode text");
            }
        }

        if (isNullable && facts.Values?.ContainsKey("null") != false)
        {
            texts.TryAdd("null", default);
        }

        facts.Values = facts.Values is null ? texts : texts.Where(t => facts.Values.ContainsKey(t.Key)).ToDictionary();
    }

    private static void ReadString(string name, SchemaPlace value, SchemaFacts facts)
    {
        try
        {
            switch (name)
            {
                case "minLength":
                    facts.MinLength = int.Max(facts.MinLength, value.Count());
                    break;
                case "maxLength":
                    facts.MaxLength = int.Min(facts.MaxLength ?? int.MaxValue, value.Count());
                    break;
                case "pattern":
                    facts.Patterns.Add((value, PatternParser.Search(value.Text())));
                    break;
                case "format" when value.Text() is "int32" or "int64" or "float" or "double":
                    // OpenAPI's widths of numbers say nothing about strings.
                    return;
                case "format" when StringFormats.TryGet(value.Text(), out string? pattern):
                    facts.Patterns.Add((value, PatternParser.Whole(pattern!)));
                    break;
                default:
                    throw value.Refuse($"the format \"{JsonPlace.Shorten(value.Text())}\" is not supported, expected one of {StringFormats.Names}");
            }
        }
        catch (PatternException wrong)
        {
            throw value.Refuse($"the pattern {wrong.Message}");
        }

        facts.Meant |= JsonTypes.String;
    }

    private static void ReadNumber(string name, SchemaPlace value, SchemaFacts facts)
    {
        // OpenAPI and older drafts: a truth value beside minimum.
        if (value.Element.ValueKind is JsonValueKind.True or JsonValueKind.False && name.StartsWith("exclusive", StringComparison.Ordinal))
        {
            throw value.Refuse($"\"{name}\" is a truth value as in drafts before 6, expected a number");
        }

        ExactDecimal number = value.Number();
        if (name == "multipleOf")
        {
            facts.Steps.Add((value, number));
            return;
        }

        bool included = !name.StartsWith("exclusive", StringComparison.Ordinal);
        facts.Bounds.Add((value, name.EndsWith("inimum", StringComparison.Ordinal)
            ? NumberPatterns.AtLeast(number, included)
            : NumberPatterns.AtMost(number, included)));
    }

    private static void ReadArray(string name, SchemaPlace value, SchemaFacts facts, SchemaShape shape)
    {
        switch (name)
        {
            case "items" when value.Element.ValueKind != JsonValueKind.Array:
                shape.Items = value;
                break;
            case "items" or "prefixItems":
                shape.FrontItems = value.Items();
                CheckCount(value, shape.FrontItems.Count);
                break;
            case "minItems":
                facts.MinItems = int.Max(facts.MinItems, value.Count());
                break;
            case "maxItems":
                facts.MaxItems = int.Min(facts.MaxItems ?? int.MaxValue, value.Count());
                break;
            case "uniqueItems" when value.Flag():
                throw value.Refuse("the keyword \"uniqueItems\" is not supported");
        }
    }

    private static void ReadObject(string name, SchemaPlace value, SchemaFacts facts, SchemaShape shape)
    {
        switch (name)
        {
            case "properties":
                shape.IsClosed = true;
                foreach ((string property, SchemaPlace schema) in value.Members())
                {
                    shape.Properties[property] = schema;
                    Add(facts.Names, property);
                }

                CheckCount(value, facts.Names.Count);
                break;
            case "required":
                foreach (SchemaPlace item in value.Items())
                {
                    Add(facts.Required, item.Text());
                }

                CheckCount(value, facts.Required.Count);
                break;
            case "additionalProperties":
                shape.AdditionalProperties = value;
                break;
            case "unevaluatedProperties" when value.Element.ValueKind == JsonValueKind.False:
                shape.IsClosed = true;
                break;
            case "unevaluatedProperties":
                throw value.Refuse("the keyword \"unevaluatedProperties\" is supported only where it is false");
            case "minProperties":
                (facts.MinProperties, facts.PropertyCount) = (int.Max(facts.MinProperties, value.Count()), value);
                break;
            default:
                (facts.MaxProperties, facts.PropertyCount) = (int.Min(facts.MaxProperties ?? int.MaxValue, value.Count()), value);
                break;
        }
    }

    private static void Add(List<string> names, string name)
    {
        if (names.Count > MostProperties || !names.Contains(name))
        {
            names.Add(name);
        }
    }

    private static void CheckCount(SchemaPlace place, int count)
    {
        if (count > MostProperties)
        {
            throw place.Refuse($"has {count:N0} entries, expected at most {MostProperties:N0}");
        }
    }
}
