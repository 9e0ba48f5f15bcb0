using System.Text.Json;
using Lean.Engine.Sampling;

namespace Lean.Engine.Protocol;

/// <summary>
/// A JSON object of a request. Fields that nobody asks for are ignored and null counts as absent, as OpenAI does it; a
/// field of the wrong kind is an error that names it.
/// </summary>
/// <param name="Element">The object.</param>
/// <param name="Path">Where it stands in the request, such as messages[0]; empty for the request itself.</param>
internal readonly record struct RequestObject(JsonElement Element, string Path)
{
    /// <summary>A field's name as errors have it.</summary>
    public string At(string name) => Path.Length == 0 ? name : $"{Path}.{name}";

    /// <summary>A field, unless it is absent or null.</summary>
    public bool TryGet(string name, out JsonElement value) => Element.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>A string, or null.</summary>
    public string? Text(string name) => TryGet(name, out JsonElement value) ? Text(At(name), value) : null;

    /// <summary>True, false, or null.</summary>
    public bool? Flag(string name) => !TryGet(name, out JsonElement value) ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Wrong(At(name), value, "true or false");

    /// <summary>A whole number within bounds, or null.</summary>
    public int? Whole(string name, int least, int most, string orElse = "") => !TryGet(name, out JsonElement value) ? null
        : TryWhole(value, out long number) && number >= least && number <= most ? (int)number
        : throw Wrong(At(name), value, (most == int.MaxValue ? $"a whole number of at least {least}" : $"a whole number from {least} to {most}") + orElse);

    /// <summary>A whole number within a parameter's range, or null.</summary>
    public int? Whole(ParameterRange range) => !TryGet(range.Name, out JsonElement value) ? null
        : TryWhole(value, out long number) && range.Holds(number) ? (int)number
        : throw Wrong(At(range.Name), value, range.Expected);

    /// <summary>A whole number of 64 bits within a parameter's range, or null.</summary>
    public long? Long(ParameterRange range) => !TryGet(range.Name, out JsonElement value) ? null
        : TryWhole(value, out long number) ? number
        : throw Wrong(At(range.Name), value, range.Expected);

    /// <summary>A number within a parameter's range, or null.</summary>
    public double? Number(ParameterRange range) => TryGet(range.Name, out JsonElement value) ? Number(At(range.Name), range, value) : null;

    /// <summary>A string or a list of strings, or null.</summary>
    public string[]? Texts(string name)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return null;
        }

        string path = At(name);
        return value.ValueKind switch
        {
            JsonValueKind.String => [Text(path, value)],
            JsonValueKind.Array => [.. value.EnumerateArray().Select((v, i) => Text($"{path}[{i}]", v))],
            _ => throw Wrong(path, value, "a string or a list of strings"),
        };
    }

    /// <summary>A list of token ids, or null.</summary>
    public int[]? Ids(string name) => TryGet(name, out JsonElement value) ? Ids(At(name), value) : null;

    /// <summary>An object, or null.</summary>
    public RequestObject? Object(string name) => TryGet(name, out JsonElement value) ? Object(At(name), value) : null;

    /// <summary>The items of a list with their names, or null.</summary>
    public IReadOnlyList<(string Path, JsonElement Value)>? Items(string name)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return null;
        }

        string path = At(name);
        return value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select((v, i) => ($"{path}[{i}]", v))]
            : throw Wrong(path, value, "a list");
    }

    /// <summary>A value that has to be a string.</summary>
    public static string Text(string path, JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(path, value, "a string");

    /// <summary>A value that has to be an object.</summary>
    public static RequestObject Object(string path, JsonElement value) =>
        value.ValueKind == JsonValueKind.Object ? new RequestObject(value, path) : throw Wrong(path, value, "an object");

    /// <summary>A value that has to be a list of token ids.</summary>
    public static int[] Ids(string path, JsonElement value) => value.ValueKind == JsonValueKind.Array
        ? [.. value.EnumerateArray().Select((v, i) => TryWhole(v, out long id) && id is >= int.MinValue and <= int.MaxValue
            ? (int)id
            : throw Wrong($"{path}[{i}]", v, "a token id"))]
        : throw Wrong(path, value, "a list of token ids");

    /// <summary>A value that has to be a number within a parameter's range.</summary>
    public static double Number(string path, ParameterRange range, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && range.Holds(number)
            ? number
            : throw Wrong(path, value, range.Expected);

    /// <summary>The error for a value that is not what was expected.</summary>
    public static ApiException Wrong(string path, JsonElement value, string expected) =>
        ApiException.Invalid(path, $"{path} is {Shown(value)}, expected {expected}");

    /// <summary>A value as messages show it: numbers as they stand, of others the kind.</summary>
    public static string Shown(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetRawText() is { Length: <= 40 } number ? number : "a number of many digits",
        JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => value.GetString() is { Length: <= 40 } text ? $"'{text}'" : "a long string",
        _ => "null",
    };

    // Clients of languages with one kind of number write 1.0 for 1.
    private static bool TryWhole(JsonElement value, out long number)
    {
        number = 0;
        if (value.ValueKind != JsonValueKind.Number)
        {
            return false;
        }

        if (value.TryGetInt64(out number))
        {
            return true;
        }

        const double Exact = 1L << 53;
        if (value.TryGetDouble(out double real) && double.IsInteger(real) && double.Abs(real) <= Exact)
        {
            number = (long)real;
            return true;
        }

        return false;
    }
}
