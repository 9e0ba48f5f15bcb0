using System.Text.Json;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>Reads the files that options name.</summary>
internal static class InputFile
{
    private const long MaxBytes = 1L << 30;

    /// <summary>A text file, as UTF-8.</summary>
    /// <exception cref="InputException">There is no such file, or it cannot be read or is too large.</exception>
    /// <exception cref="MachineException">The disk failed.</exception>
    public static string Text(string path)
    {
        try
        {
            var info = new FileInfo(path);
            if (!info.Exists)
            {
                throw new InputException(Directory.Exists(path) ? $"'{path}' is a folder, expected a file" : $"the file '{path}' does not exist");
            }

            return info.Length <= MaxBytes
                ? File.ReadAllText(path)
                : throw new InputException($"'{path}' has {info.Length:N0} bytes, expected at most {MaxBytes:N0}");
        }
        catch (Exception e) when (e is UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputException($"'{path}' cannot be read: {e.Message.TrimEnd('.')}", e);
        }
        catch (IOException e)
        {
            throw new MachineException($"'{path}' could not be read: {e.Message.TrimEnd('.')}", e);
        }
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
