using System.Text.Json;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Grammars;

/// <summary>The OpenAI API's <c>response_format</c>.</summary>
internal static class ResponseFormat
{
    /// <summary>The grammar that a format asks for, or null for free text.</summary>
    /// <param name="format">The field's value.</param>
    /// <param name="grammars">Compiles.</param>
    /// <param name="afterReasoning">Whether the prompt ends inside of reasoning.</param>
    /// <param name="place">What messages put in front, such as "line 3: "; the field's name follows.</param>
    /// <exception cref="InputException">It is no format, or its schema holds what is not supported.</exception>
    public static Grammar? Read(JsonElement format, GrammarCache grammars, bool afterReasoning = false, string place = "")
    {
        string name = $"{place}response_format";
        if (format.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        switch (Type(format, name))
        {
            case "text":
                return null;
            case "json_object":
                return grammars.JsonObject(afterReasoning);
            case "json_schema":
                // Chat completions put the schema into an object with a name; Responses leave it where it is.
                (JsonElement holder, name) = format.TryGetProperty("json_schema", out JsonElement inner) ? (inner, $"{name}.json_schema") : (format, name);
                return holder.ValueKind == JsonValueKind.Object && holder.TryGetProperty("schema", out JsonElement schema)
                    ? grammars.JsonSchema(schema, afterReasoning, $"{name}.schema")
                    : throw new InputException($"{name}.schema is missing, expected a JSON schema");
            default:
                throw new InputException($"{name}.type is {JsonPlace.Describe(format.GetProperty("type"))}, expected text, json_object or json_schema");
        }
    }

    private static string? Type(JsonElement format, string name)
    {
        if (format.ValueKind != JsonValueKind.Object || !format.TryGetProperty("type", out JsonElement type))
        {
            throw new InputException($"{name} is {JsonPlace.Describe(format)}, expected an object with a type");
        }

        return type.ValueKind == JsonValueKind.String && type.ValueEquals("text") ? "text"
            : type.ValueKind == JsonValueKind.String && type.ValueEquals("json_object") ? "json_object"
            : type.ValueKind == JsonValueKind.String && type.ValueEquals("json_schema") ? "json_schema"
            : null;
    }
}
