using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>Reads the files that options name.</summary>
internal static class InputFile
{
    private const int MaxBytes = 1 << 30;

    /// <summary>A text file, as UTF-8, with or without a byte order mark; or a pipe.</summary>
    /// <exception cref="InputException">There is no such file, it cannot be read, is too large, or is not UTF-8.</exception>
    /// <exception cref="MachineException">The disk failed.</exception>
    public static string Text(string path)
    {
        ReadOnlySpan<byte> bytes = BoundedFile.Read(path, MaxBytes, streams: true);
        bytes = bytes.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes;

        // Replacing what is no UTF-8 would score or continue another text than the one given.
        return Utf8.IsValid(bytes)
            ? Encoding.UTF8.GetString(bytes)
            : throw new InputException($"'{path}' is not valid UTF-8: {Utf8Fault.Describe(bytes)}");
    }

    /// <summary>A JSON value of a file or of one line of it.</summary>
    /// <param name="place">The file, and where in it, for messages.</param>
    /// <param name="text">The JSON.</param>
    /// <exception cref="InputException">It is not valid JSON.</exception>
    public static JsonElement Json(string place, string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new InputException($"{place}: not valid JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}", e);
        }
    }

    /// <summary>A JSON string.</summary>
    /// <exception cref="InputException">It is something else, or not valid Unicode.</exception>
    public static string String(string place, JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String
                ? value.GetString()!
                : throw new InputException($"{place}: expected a string, found {Kind(value)}");
        }
        catch (InvalidOperationException e)
        {
            throw new InputException($"{place}: holds a string that is not valid Unicode", e);
        }
    }

    /// <summary>A JSON list of token ids.</summary>
    /// <exception cref="InputException">It is something else.</exception>
    public static int[] Ids(string place, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw new InputException($"{place}: expected a list of token ids, found {Kind(value)}");
        }

        return [.. value.EnumerateArray().Select(v => v.ValueKind == JsonValueKind.Number && v.TryGetInt32(out int id)
            ? id
            : throw new InputException($"{place}: expected token ids, found {(v.ValueKind == JsonValueKind.Number ? v.GetRawText() : Kind(v))}"))];
    }

    /// <summary>The name of an object's field.</summary>
    /// <exception cref="InputException">It is not valid Unicode.</exception>
    public static string Name(string place, JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new InputException($"{place}: holds a name that is not valid Unicode", e);
        }
    }

    /// <summary>A value as messages show it: numbers as they stand, of others the kind.</summary>
    public static string Shown(JsonElement value) => value.ValueKind is JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False
        ? value.GetRawText()
        : Kind(value);

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        _ => "null",
    };
}
