using System.Text.Json;
using Lean.Engine.Chat;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Engine.Sampling;

namespace Lean.Engine.Protocol;

/// <summary>A request of /v1/responses. Nothing is kept of one, so each has to hold all of its conversation.</summary>
internal sealed record ResponseRequest
{
    /// <summary>What it has in common with other requests.</summary>
    public required TextOptions Options { get; init; }

    /// <summary>What the template takes.</summary>
    public required DictValue Variables { get; init; }

    /// <summary>Tools that the answer may call.</summary>
    public required ToolSet Tools { get; init; }

    /// <summary>What the answer has to look like.</summary>
    public required AnswerFormat Format { get; init; }

    /// <summary>Whether log-probabilities are wanted.</summary>
    public bool LogProbabilities => Options.Sampling.Alternatives is not null;

    /// <summary>Fields that the answer repeats, as the request has them.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Echoed { get; init; }

    /// <summary>Reads a request.</summary>
    /// <exception cref="ApiException">Names the field that is wrong.</exception>
    public static ResponseRequest Read(RequestObject body)
    {
        Refuse(body, "previous_response_id", "responses are not kept: send the whole conversation as input");
        Refuse(body, "conversation", "conversations are not kept: send the whole conversation as input");
        if (body.Flag("background") is true)
        {
            throw ApiException.Invalid("background", "background is true, expected false: responses are not kept");
        }

        bool listed = body.Texts("include")?.Contains("message.output_text.logprobs") is true;
        int? alternatives = body.Whole("top_logprobs", 0, SamplingParameters.MostAlternatives);
        TextOptions options = TextOptions.Read(body, "max_output_tokens");
        var tools = ToolSet.Read(body, flat: true);
        return new ResponseRequest
        {
            Options = options with { Choices = 1, Sampling = options.Sampling with { Alternatives = listed || alternatives > 0 ? alternatives ?? 0 : null } },
            Variables = ReadVariables(body, tools),
            Tools = tools,
            Format = AnswerFormat.ReadFlat(body),
            Echoed = Echo(body),
        };
    }

    private static void Refuse(RequestObject body, string field, string why)
    {
        if (body.TryGet(field, out _))
        {
            throw ApiException.Invalid(field, $"{field} is given, but {why}");
        }
    }

    private static Dictionary<string, JsonElement> Echo(RequestObject body)
    {
        var fields = new Dictionary<string, JsonElement>();
        foreach (string name in (string[])["instructions", "max_output_tokens", "metadata", "reasoning", "text", "tool_choice", "tools", "user"])
        {
            if (body.TryGet(name, out JsonElement value))
            {
                fields[name] = value.Clone();
            }
        }

        return fields;
    }

    private static DictValue ReadVariables(RequestObject body, ToolSet tools)
    {
        var messages = new List<object?>();
        if (body.Text("instructions") is { } instructions)
        {
            messages.Add(Messages.Make("system", instructions));
        }

        if (!body.TryGet("input", out JsonElement input))
        {
            throw ApiException.Invalid("input", "input is missing, expected a string or a list of items");
        }

        if (input.ValueKind == JsonValueKind.String)
        {
            messages.Add(Messages.Make("user", RequestObject.Text("input", input)));
        }
        else
        {
            IReadOnlyList<(string Path, JsonElement Value)> items = body.Items("input")!;
            if (items.Count == 0)
            {
                throw ApiException.Invalid("input", "input is empty, expected at least one item");
            }

            foreach ((string path, JsonElement value) in items)
            {
                Add(messages, RequestObject.Object(path, value));
            }
        }

        List<KeyValuePair<object?, object?>> variables =
            [new("messages", new ListValue([.. messages])), new("tools", tools.ForTemplate), new("documents", null), new("add_generation_prompt", true)];
        if (body.Object("reasoning")?.Text("effort") is "none")
        {
            variables.Add(new("enable_thinking", false));
        }

        var usual = new DictValue(variables);
        return body.Object("chat_template_kwargs") is { } more
            ? ((DictValue)JsonValues.Read("chat_template_kwargs", more.Element)!).Over(usual)
            : usual;
    }

    private static void Add(List<object?> messages, RequestObject item)
    {
        switch (item.Text("type") ?? "message")
        {
            case "message":
                messages.Add(Messages.Message(item));
                break;
            case "function_call":
                AddCall(messages, item);
                break;
            case "function_call_output":
                messages.Add(new DictValue(
                    [new("role", "tool"), new("content", Messages.Content(item, "output")), new("tool_call_id", Messages.Required(item, "call_id"))]));
                break;
            case "reasoning":
                // What was thought in earlier turns is no part of the next one's prompt, in any template of the family.
                break;
            default:
                throw RequestObject.Wrong(item.At("type"), item.Element.GetProperty("type"), "message, function_call, function_call_output or reasoning");
        }
    }

    // Calls are parts of the message before them, where that is the assistant's.
    private static void AddCall(List<object?> messages, RequestObject item)
    {
        var function = new DictValue(
        [
            new("name", Messages.Required(item, "name")),
            new("arguments", Messages.ParseArguments(item.At("arguments"), Messages.Required(item, "arguments"))),
        ]);
        var call = new DictValue([new("id", Messages.Required(item, "call_id")), new("type", "function"), new("function", function)]);
        DictValue before = messages is [.., DictValue last] && last.TryGet("role", out object? role) && role is "assistant" ? last : Messages.Make("assistant", "");
        if (messages.Count > 0 && ReferenceEquals(messages[^1], before))
        {
            messages.RemoveAt(messages.Count - 1);
        }

        object?[] calls = before.TryGet("tool_calls", out object? known) && known is ListValue list ? list.Items : [];
        messages.Add(new DictValue([new("tool_calls", new ListValue([.. calls, call]))]).Over(before));
    }
}
