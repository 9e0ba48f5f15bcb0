using System.Text.Json;

namespace Lean.Engine.Protocol;

/// <summary>What an answer has to look like.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Path">The field that asks for it.</param>
internal sealed record AnswerFormat(AnswerFormatKind Kind, string Path)
{
    /// <summary>Any text.</summary>
    public static AnswerFormat Text { get; } = new(AnswerFormatKind.Text, "");

    /// <summary>The schema that the answer satisfies, where it has to.</summary>
    public JsonElement? Schema { get; private init; }

    /// <summary>Reads response_format of a chat or a completion.</summary>
    /// <exception cref="ApiException">It is none.</exception>
    public static AnswerFormat Read(RequestObject body) => body.Object("response_format") is { } format
        ? Read(format, format.Object("json_schema"))
        : Text;

    /// <summary>Reads text.format of a response, whose schema stands beside its type.</summary>
    /// <exception cref="ApiException">It is none.</exception>
    public static AnswerFormat ReadFlat(RequestObject body) => body.Object("text")?.Object("format") is { } format ? Read(format, format) : Text;

    private static AnswerFormat Read(RequestObject format, RequestObject? holder)
    {
        string path = format.At("type");
        switch (format.Text("type"))
        {
            case "text":
                return Text;
            case "json_object":
                return new AnswerFormat(AnswerFormatKind.JsonObject, format.Path);
            case "json_schema":
                RequestObject schema = holder?.Object("schema")
                    ?? throw ApiException.Invalid(format.Path, $"{format.Path} holds no schema, expected one in {(holder is null ? "json_schema.schema" : "schema")}");
                return new AnswerFormat(AnswerFormatKind.JsonSchema, schema.Path) { Schema = schema.Element.Clone() };
            case null:
                throw ApiException.Invalid(path, $"{path} is missing, expected text, json_object or json_schema");
            default:
                throw RequestObject.Wrong(path, format.Element.GetProperty("type"), "text, json_object or json_schema");
        }
    }
}
