using System.Text.Json;
using Lean.Engine.Chat;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Engine.Grammars;

namespace Lean.Engine.Protocol;

/// <summary>The tools that an answer may call.</summary>
internal sealed class ToolSet
{
    private readonly Dictionary<string, DictValue> _functions;

    private ToolSet(IReadOnlyList<DictValue> tools, Dictionary<string, DictValue> functions) =>
        (_functions, ForTemplate) = (functions, tools.Count > 0 ? new ListValue([.. tools]) : null);

    /// <summary>Whether no call is looked for in the answer.</summary>
    public bool IsOff { get; private init; }

    /// <summary>The functions of which the answer has to call one, and nothing else; empty where it need not.</summary>
    public IReadOnlyList<GrammarTool> Required { get; private init; } = [];

    /// <summary>Whether it may call several.</summary>
    public bool Many { get; private init; }

    /// <summary>The tools as templates take them, or null for none.</summary>
    public ListValue? ForTemplate { get; }

    /// <summary>The JSON schema of a parameter of a function, or null where none is known.</summary>
    public DictValue? Parameter(string function, string name) =>
        _functions.TryGetValue(function, out DictValue? schema)
        && schema.TryGet("properties", out object? all) && all is DictValue properties
        && properties.TryGet(name, out object? one) ? one as DictValue : null;

    /// <summary>Reads a request's tools and tool_choice.</summary>
    /// <param name="body">The request.</param>
    /// <param name="flat">Whether a function's name stands beside its type, as in /v1/responses.</param>
    /// <exception cref="ApiException">Names the field that is wrong.</exception>
    public static ToolSet Read(RequestObject body, bool flat = false)
    {
        IReadOnlyList<(string Path, JsonElement Value)> items = body.Items("tools") ?? [];
        var tools = new List<DictValue>();
        var functions = new Dictionary<string, DictValue>();
        var schemas = new List<GrammarTool>();
        foreach ((string path, JsonElement value) in items)
        {
            var tool = RequestObject.Object(path, value);
            if (tool.Text("type") is not "function")
            {
                throw tool.TryGet("type", out JsonElement kind)
                    ? RequestObject.Wrong(tool.At("type"), kind, "function")
                    : ApiException.Invalid(tool.At("type"), $"{tool.At("type")} is missing, expected function");
            }

            RequestObject function = flat ? tool : tool.Object("function")
                ?? throw ApiException.Invalid(tool.At("function"), $"{tool.At("function")} is missing, expected an object with name and parameters");
            Add(functions, function);
            schemas.Add(new GrammarTool(
                function.Text("name")!, function.TryGet("parameters", out JsonElement schema) ? schema.Clone() : null));
            var made = (DictValue)JsonValues.Read(path, value)!;
            tools.Add(flat ? new DictValue([new("type", "function"), new("function", Without(made, "type"))]) : made);
        }

        var choice = ToolChoice.Read(body, functions.Keys, flat);
        return new ToolSet(tools, functions)
        {
            IsOff = choice.IsNone || functions.Count == 0,
            Required = [.. schemas.Where(t => choice.Requires(t.Name))],
            Many = choice.Name is null && (body.Flag("parallel_tool_calls") ?? true),
        };
    }

    private static void Add(Dictionary<string, DictValue> functions, RequestObject function)
    {
        string path = function.At("name");
        string name = function.Text("name") ?? throw ApiException.Invalid(path, $"{path} is missing, expected a string");
        if (name.Length is 0 or > 128 || !name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'))
        {
            throw RequestObject.Wrong(path, function.Element.GetProperty("name"), "1 to 128 letters, digits, underscores, dashes and dots");
        }

        DictValue schema = function.Object("parameters") is { } parameters
            ? (DictValue)JsonValues.Read(function.At("parameters"), parameters.Element)!
            : DictValue.Empty;
        if (!functions.TryAdd(name, schema))
        {
            throw ApiException.Invalid(path, $"{path} is '{name}', which another tool is called already");
        }
    }

    private static DictValue Without(DictValue dict, string key) => new(dict.Entries.Where(e => e.Key is not string name || name != key));
}
