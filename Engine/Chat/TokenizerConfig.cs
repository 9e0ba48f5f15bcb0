using System.Text.Json;
using Lean.Engine.Chat.Jinja;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Chat;

/// <summary>What tokenizer_config.json says of chats: templates and special tokens.</summary>
internal sealed class TokenizerConfig
{
    /// <summary>The file's name.</summary>
    public const string FileName = "tokenizer_config.json";

    private readonly JsonElement _root;
    private readonly JsonPlace _place;

    private TokenizerConfig(string path, JsonElement root) => (Path, _root, _place) = (path, root, new JsonPlace(path, ""));

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its members.</summary>
    public JsonElement Root => _root;

    /// <summary>A folder's file, or null where it has none.</summary>
    /// <exception cref="InputException">It cannot be read, or is no JSON object.</exception>
    public static TokenizerConfig? Read(string folder)
    {
        string path = System.IO.Path.Combine(folder, FileName);
        if (!System.IO.Path.Exists(path))
        {
            return null;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(SmallFile.Read(path, SmallFile.ConfigBytes));
            return new TokenizerConfig(path, new JsonPlace(path, "").Object(document.RootElement).Clone());
        }
        catch (JsonException e)
        {
            throw new InputException($"{path}: not valid JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}", e);
        }
    }

    /// <summary>The chat templates by name; one without a name is called default.</summary>
    /// <exception cref="InputException">They are not what was expected, or no templates.</exception>
    public Dictionary<string, Template> Templates()
    {
        Dictionary<string, Template> templates = new(StringComparer.Ordinal);
        if (!_root.TryGetProperty("chat_template", out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return templates;
        }

        JsonPlace place = _place.Member("chat_template");
        if (value.ValueKind == JsonValueKind.String)
        {
            templates["default"] = Template.Parse(Text(place, value), $"{Path}, chat_template");
            return templates;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            throw place.Refuse("a template, or a list of templates with names", JsonPlace.Describe(value));
        }

        int index = 0;
        foreach (JsonElement item in value.EnumerateArray())
        {
            JsonPlace inside = place.Item(index++);
            string name = Member(inside, item, "name"), source = Member(inside, item, "template");
            templates[name] = Template.Parse(source, $"{Path}, chat_template '{JsonPlace.Shorten(name)}'");
        }

        return templates;
    }

    /// <summary>A JSON string.</summary>
    /// <exception cref="InputException">It is not valid Unicode.</exception>
    public static string Text(JsonPlace place, JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new InputException($"{place.File}: {place.Path}: holds a string that is not valid Unicode", e);
        }
    }

    private static string Member(JsonPlace place, JsonElement item, string name) =>
        place.Object(item).TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? Text(place.Member(name), value)
            : throw place.Member(name).Refuse("a string", value.ValueKind == JsonValueKind.Undefined ? "nothing" : "something else");
}
