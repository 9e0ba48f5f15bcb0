using System.Text.Json;
using Lean.Engine.Cli;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>Reads the files of figures that runs are put beside: peers', gates', and other runs'. Whoever wrote them may have erred, so every field is looked at.</summary>
internal static class FigureFile
{
    /// <summary>The file's object.</summary>
    /// <param name="option">The option that names it, for messages.</param>
    /// <param name="path">Its path.</param>
    /// <exception cref="InputException">It cannot be read, or is no JSON object.</exception>
    public static JsonElement Read(string option, string path)
    {
        JsonElement root = InputFile.Json($"{option} '{path}'", InputFile.Text(path));
        return root.ValueKind == JsonValueKind.Object ? root : throw Wrong(option, path, "expected a JSON object");
    }

    /// <summary>An object's list of objects.</summary>
    public static IEnumerable<JsonElement> Objects(this JsonElement root, string name, string place) =>
        root.TryGetProperty(name, out JsonElement list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Object ? item : throw new InputException($"{place}: {name} holds something else than objects"))
            : throw new InputException($"{place}: expected a list '{name}'");

    /// <summary>A text, or null where it is absent.</summary>
    public static string? Text(this JsonElement item, string name, string place) =>
        !item.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null ? null
        : InputFile.String($"{place}: {name}", value) is var text && !text.Any(char.IsControl) ? text
        : throw new InputException($"{place}: {name} holds control characters, which terminals would obey");

    /// <summary>A text that has to be there.</summary>
    public static string Needed(this JsonElement item, string name, string place) => item.Text(name, place) ?? throw new InputException($"{place}: expected a text '{name}'");

    // Farther apart than anything measured, and so near that what is made of them stays finite.
    private const double Smallest = 1e-9, Largest = 1e15;

    /// <summary>A number above zero, or null where it is absent or null.</summary>
    public static double? Positive(this JsonElement item, string name, string place) =>
        !item.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number is >= Smallest and <= Largest ? number
        : throw new InputException($"{place}: {name} is {InputFile.Shown(value)}, expected a number from 1e-9 to 1e15");

    /// <summary>A number of rows.</summary>
    public static int Rows(this JsonElement item, string place) =>
        item.TryGetProperty("rows", out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int rows) && rows > 0
            ? rows
            : throw new InputException($"{place}: expected 'rows', a whole number of at least 1");

    /// <summary>Checks that figures are of the device that runs.</summary>
    /// <exception cref="InputException">They are another's.</exception>
    public static void CheckDevice(string option, string path, string device, OpRun run)
    {
        if (device.Length == 0 || !run.DeviceKind.Contains(device, StringComparison.Ordinal))
        {
            throw Wrong(option, path, $"its figures are of '{device}', and this run is on '{run.Device}': only ratios on one device mean anything");
        }
    }

    /// <summary>What is wrong with a file.</summary>
    public static InputException Wrong(string option, string path, string fault) => new($"{option} '{path}': {fault}");
}
