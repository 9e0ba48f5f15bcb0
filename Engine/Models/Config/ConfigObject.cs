using System.Globalization;
using System.Text.Json;
using Lean.Tensors;

namespace Lean.Engine.Models.Config;

/// <summary>
/// One JSON object of a configuration file, read with checks: whatever is missing, of the wrong kind or out of range
/// ends in one sentence with the file and the key. A null counts as absent, as in transformers.
/// </summary>
internal sealed class ConfigObject
{
    private const int LongestShown = 60;

    private readonly JsonElement _element;
    private readonly string _path;
    private readonly string _scope;

    public ConfigObject(string path, JsonElement element, string scope = "") =>
        (_path, _element, _scope) = (path, element, scope);

    /// <summary>Whether the key is there with a value other than null.</summary>
    public bool Has(string key) => Find(key) is not null;

    /// <summary>The object under a key, or null where it is absent.</summary>
    public ConfigObject? Object(string key)
    {
        JsonElement? value = Find(key);
        if (value is { ValueKind: not JsonValueKind.Object })
        {
            throw Wrong(key, "an object", value.Value);
        }

        return value is null ? null : new ConfigObject(_path, value.Value, $"{_scope}{key}.");
    }

    /// <summary>An integer that has to be there.</summary>
    public int Int(string key, int least, int most) =>
        IntOrNull(key, least, most) ?? throw Missing(key, $"an integer from {least} to {most}");

    /// <summary>An integer, or null where the key is absent.</summary>
    public int? IntOrNull(string key, int least, int most) =>
        Find(key) is { } value ? ToInt(key, value, least, most) : null;

    /// <summary>A finite number, or null where the key is absent.</summary>
    public double? NumberOrNull(string key, double least, double most)
    {
        if (Find(key) is not { } value)
        {
            return null;
        }

        // A comparison that a NaN fails; JSON has none, but 1e999 reads as infinity.
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= least && number <= most
            ? number
            : throw Wrong(key, string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most}"), value);
    }

    /// <summary>True or false, or null where the key is absent.</summary>
    public bool? FlagOrNull(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => throw Wrong(key, "true or false", value),
    };

    /// <summary>A string, or null where the key is absent.</summary>
    public string? TextOrNull(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        { } value => throw Wrong(key, "a string", value),
    };

    /// <summary>A list of strings, or null where the key is absent.</summary>
    public string[]? TextsOrNull(string key)
    {
        if (Find(key) is not { } value)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String)
            ? [.. value.EnumerateArray().Select(v => v.GetString()!)]
            : throw Wrong(key, "a list of strings", value);
    }

    /// <summary>One integer or a list of integers, or null where the key is absent.</summary>
    public int[]? IntsOrNull(string key, int least, int most)
    {
        if (Find(key) is not { } value)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(v => ToInt(key, v, least, most))]
            : [ToInt(key, value, least, most)];
    }

    /// <summary>The error for a key whose value was expected to be something else.</summary>
    public InputException Wrong(string key, string expected) =>
        Find(key) is { } value ? Wrong(key, expected, value) : Missing(key, expected);

    /// <summary>Text of the file as a message may show it.</summary>
    public static string Shown(string text) => text.Length <= LongestShown ? text : string.Concat(text.AsSpan(0, LongestShown), "…");

    /// <summary>The error that says in other words what is wrong with a key.</summary>
    public InputException Refuse(string key, string problem) => new($"{_path}: {_scope}{key} {problem}");

    private static string Shown(JsonElement value) => Shown(value.GetRawText().ReplaceLineEndings(" "));

    private JsonElement? Find(string key) =>
        _element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private int ToInt(string key, JsonElement value, int least, int most) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= least && number <= most
            ? number
            : throw Wrong(key, $"an integer from {least} to {most}", value);

    private InputException Wrong(string key, string expected, JsonElement found) =>
        new($"{_path}: {_scope}{key} must be {expected}, found {Shown(found)}");

    private InputException Missing(string key, string expected) =>
        new($"{_path}: {_scope}{key} is missing; it must be {expected}");
}
