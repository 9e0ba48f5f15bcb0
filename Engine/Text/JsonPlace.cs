using System.Text.Json;
using Lean.Tensors;

namespace Lean.Engine.Text;

/// <summary>A place in a JSON file, for sentences that say what is wrong with it.</summary>
/// <param name="File">The file's path.</param>
/// <param name="Path">The place inside, such as "model.merges[3]"; empty for the whole.</param>
internal readonly record struct JsonPlace(string File, string Path)
{
    internal JsonPlace Member(string name) => this with { Path = Path.Length == 0 ? name : $"{Path}.{name}" };

    internal JsonPlace Item(int index) => this with { Path = $"{Path}[{index}]" };

    /// <summary>The error for this place, to be thrown.</summary>
    internal InputException Refuse(string expected, string found, string hint = "") =>
        new($"{File}: {(Path.Length == 0 ? "the document" : Path)}: expected {expected}, found {found}{(hint.Length == 0 ? "" : "; " + hint)}.");

    internal JsonElement Object(JsonElement value) => Kind(value, JsonValueKind.Object, "an object");

    internal JsonElement Array(JsonElement value) => Kind(value, JsonValueKind.Array, "an array");

    /// <summary>The text under <paramref name="name"/> of an object, which has to be there.</summary>
    internal string Text(JsonElement parent, string name)
    {
        JsonPlace place = Member(name);
        return parent.TryGetProperty(name, out JsonElement value)
            ? place.Kind(value, JsonValueKind.String, "a string").GetString()!
            : throw place.Refuse("a string", "nothing");
    }

    /// <summary>The truth value under <paramref name="name"/>; without a default it has to be there.</summary>
    internal bool Flag(JsonElement parent, string name, bool? byDefault) =>
        Member(name).Flag(parent.TryGetProperty(name, out JsonElement value) ? value : default, byDefault);

    /// <summary>This place's truth value.</summary>
    internal bool Flag(JsonElement value, bool? byDefault) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Undefined when byDefault is { } given => given,
        _ => throw Refuse("true or false", Describe(value)),
    };

    /// <summary>This place's text; null where it is missing, null or empty, which mean the same here.</summary>
    internal string? OptionalText(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.Null => null,
        JsonValueKind.String => value.GetString() is { Length: > 0 } text ? text : null,
        _ => throw Refuse("a string or null", Describe(value)),
    };

    internal static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.Undefined => "nothing",
        JsonValueKind.String => $"\"{Shorten(value.GetString()!)}\"",
        _ => Shorten(value.GetRawText()),
    };

    /// <summary>Text of a file as a message may show it: short, and without control characters.</summary>
    internal static string Shorten(string text)
    {
        string start = text.Length <= 60 ? text : text[..60] + "…";
        return string.Create(start.Length, start, static (output, source) =>
        {
            for (int i = 0; i < source.Length; i++)
            {
                output[i] = char.IsControl(source[i]) ? '·' : source[i];
            }
        });
    }

    private JsonElement Kind(JsonElement value, JsonValueKind kind, string expected) =>
        value.ValueKind == kind ? value : throw Refuse(expected, Describe(value));
}
