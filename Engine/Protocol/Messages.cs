using System.Text.Json;
using Lean.Engine.Chat;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Tensors;

namespace Lean.Engine.Protocol;

/// <summary>The messages of a chat as templates take them.</summary>
internal static class Messages
{
    private const string Expected = "system, developer, user, assistant or tool";

    /// <summary>Reads a request's messages.</summary>
    /// <exception cref="ApiException">Names the field that is wrong.</exception>
    public static ListValue Read(RequestObject body)
    {
        IReadOnlyList<(string Path, JsonElement Value)> items = body.Items("messages")
            ?? throw ApiException.Invalid("messages", "messages is missing, expected a list of messages");
        return items.Count > 0
            ? new ListValue([.. items.Select(static i => Message(RequestObject.Object(i.Path, i.Value)))])
            : throw ApiException.Invalid("messages", "messages is empty, expected at least one message");
    }

    /// <summary>A message of a role with a text, as templates take it.</summary>
    public static DictValue Make(string role, string content) => new([new("role", role), new("content", content)]);

    /// <summary>A message. Fields that a template of its own may look for are passed on as they are.</summary>
    public static DictValue Message(RequestObject message)
    {
        string role = message.Text("role") ?? throw ApiException.Invalid(message.At("role"), $"{message.At("role")} is missing, expected {Expected}");
        var fields = new List<KeyValuePair<object?, object?>>();
        foreach (JsonProperty field in message.Element.EnumerateObject())
        {
            fields.Add(new(field.Name, field.Name switch
            {
                "role" => Role(message, role),
                "content" => Content(message, "content"),
                "tool_calls" => ToolCalls(message),
                _ => JsonValues.Read(message.At(field.Name), field.Value),
            }));
        }

        if (role != "assistant" && !message.TryGet("content", out _))
        {
            throw ApiException.Invalid(message.At("content"), $"{message.At("content")} is missing, expected a string");
        }

        // Templates put the content together with other text, and an assistant that only calls tools has none.
        if (!message.Element.TryGetProperty("content", out _))
        {
            fields.Add(new("content", ""));
        }

        return new DictValue(fields);
    }

    private static string Role(RequestObject message, string role) => role switch
    {
        "system" or "user" or "assistant" or "tool" => role,
        "developer" => "system",
        _ => throw ApiException.Invalid(message.At("role"), $"{message.At("role")} is {RequestObject.Shown(message.Element.GetProperty("role"))}, expected {Expected}"),
    };

    /// <summary>The text of a field that may be a list of parts: one text, since templates of the family differ in what they make of a list.</summary>
    public static string Content(RequestObject message, string name)
    {
        if (!message.TryGet(name, out JsonElement content))
        {
            return "";
        }

        string path = message.At(name);
        if (content.ValueKind == JsonValueKind.String)
        {
            return content.GetString()!;
        }

        if (content.ValueKind != JsonValueKind.Array)
        {
            throw RequestObject.Wrong(path, content, "a string or a list of parts");
        }

        return string.Join('\n', message.Items(name)!.Select(static p => Part(RequestObject.Object(p.Path, p.Value))));
    }

    private static string Part(RequestObject part)
    {
        string kind = part.Text("type") ?? throw ApiException.Invalid(part.At("type"), $"{part.At("type")} is missing, expected text");
        return kind switch
        {
            "text" or "input_text" or "output_text" => Required(part, "text"),
            "refusal" => Required(part, "refusal"),
            _ => throw ApiException.Invalid(part.At("type"), $"{part.At("type")} is {RequestObject.Shown(part.Element.GetProperty("type"))}, expected text: this server takes text only"),
        };
    }

    /// <summary>A string that has to be there.</summary>
    public static string Required(RequestObject part, string name) =>
        part.Text(name) ?? throw ApiException.Invalid(part.At(name), $"{part.At(name)} is missing, expected a string");

    // OpenAI has a call's arguments as JSON in a string; templates take the object itself.
    private static ListValue? ToolCalls(RequestObject message)
    {
        if (message.Items("tool_calls") is not { } calls)
        {
            return null;
        }

        return new ListValue([.. calls.Select(static object? (c) =>
        {
            var call = RequestObject.Object(c.Path, c.Value);
            RequestObject function = call.Object("function")
                ?? throw ApiException.Invalid(call.At("function"), $"{call.At("function")} is missing, expected an object with name and arguments");
            string name = Required(function, "name");
            var made = new DictValue([new("name", name), new("arguments", Arguments(function))]);
            return new DictValue([new("id", call.Text("id")), new("type", "function"), new("function", made)]);
        })]);
    }

    private static object? Arguments(RequestObject function)
    {
        string path = function.At("arguments");
        if (!function.TryGet("arguments", out JsonElement value))
        {
            return DictValue.Empty;
        }

        if (value.ValueKind == JsonValueKind.Object)
        {
            return JsonValues.Read(path, value);
        }

        return ParseArguments(path, RequestObject.Text(path, value));
    }

    /// <summary>The arguments of a call, as an object.</summary>
    /// <exception cref="ApiException">They are none.</exception>
    public static DictValue ParseArguments(string path, string text)
    {
        if (text.Length == 0)
        {
            return DictValue.Empty;
        }

        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = RequestBody.MostDepth });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return (DictValue)JsonValues.Read(path, document.RootElement)!;
            }
        }
        catch (JsonException)
        {
        }
        catch (InputException)
        {
        }

        throw ApiException.Invalid(path, $"{path} is no JSON object, expected one in a string, such as \"{{\\\"city\\\": \\\"Paris\\\"}}\"");
    }
}
