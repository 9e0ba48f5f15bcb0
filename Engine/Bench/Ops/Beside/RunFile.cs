using System.Text.Json;
using Lean.Engine.Cli;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>A former run, from what <see cref="OpJson"/> wrote: its charts are drawn and its gates held again without the device.</summary>
internal static class RunFile
{
    private const double Giga = 1e9, Tera = 1e12, Micro = 1e-6;

    /// <summary>Reads a run.</summary>
    /// <param name="option">The option that names it, for messages.</param>
    /// <param name="path">The file.</param>
    /// <param name="figures">Its figures.</param>
    /// <exception cref="InputException">It is none.</exception>
    public static OpRun Read(string option, string path, out List<OpFigure> figures) => Read(FigureFile.Read(option, path), $"{option} '{path}'", out figures);

    /// <summary>Reads a run.</summary>
    /// <param name="root">The file's object.</param>
    /// <param name="place">The file, for messages.</param>
    /// <param name="figures">Its figures.</param>
    /// <exception cref="InputException">It is none.</exception>
    public static OpRun Read(JsonElement root, string place, out List<OpFigure> figures)
    {
        if (root.Text("bench", place) != OpJson.Bench)
        {
            throw new InputException($"{place}: expected a run of 'lean bench kernels'");
        }

        JsonElement ceilings = root.TryGetProperty("ceilings", out JsonElement found) && found.ValueKind == JsonValueKind.Object
            ? found
            : throw new InputException($"{place}: expected an object 'ceilings'");
        double Ceiling(string name) => ceilings.Positive(name, place) ?? throw new InputException($"{place}: expected a number '{name}'");
        figures = [.. root.Objects("figures", place).Select((item, i) => Figure(item, $"{place}, figure {i + 1}"))];
        return new OpRun(
            root.Needed("device", place), root.Needed("device_name", place), Texts(root, "models", place),
            root.TryGetProperty("quick", out JsonElement quick) && quick.ValueKind == JsonValueKind.True, Count(root, "repeats", place),
            Budget: 0, Rotation: 0, root.Text("kernel_clock", place) is not null,
            new Ceilings(Ceiling("read_gb_per_s") * Giga, Ceiling("copy_gb_per_s") * Giga, Ceiling("multiply_add_f32_tflop_per_s") * Tera, (long)Ceiling("bytes")),
            Texts(root, "missing_ops", place))
        {
            Program = root.Text("program", place) ?? "another program",
        };
    }

    private static OpFigure Figure(JsonElement item, string place)
    {
        double? median = item.Positive("median_us", place) * Micro;
        string status = item.Needed("status", place);
        string? reason = item.Text("reason", place);
        return new OpFigure(
            item.Needed("op", place), item.Needed("shape", place), Texts(item, "models", place), item.Rows(place),
            item.Text("class", place) switch
            {
                null => null,
                "prompt" => RowClass.Prompt,
                "generated" => RowClass.Generated,
                var other => throw new InputException($"{place}: class is '{other}', expected generated or prompt"),
            },
            new Work(Amount(item, "bytes", place), Amount(item, "flops", place)), item.Positive("experts_touched", place))
        {
            Fault = status == "red" ? reason ?? "for no reason" : null,
            Skipped = status == "skipped" ? reason ?? "for no reason" : null,
            Error = item.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.Number ? error.GetDouble() : double.NaN,
            Seconds = median is { } m ? new Spread(m, item.Positive("min_us", place) * Micro ?? m, item.Positive("max_us", place) * Micro ?? m, Count(item, "repeats", place)) : null,
            Launches = Count(item, "launches_per_repeat", place),
            Captured = item.TryGetProperty("launches_per_graph", out _) ? Count(item, "launches_per_graph", place) : 0,
            KernelSeconds = item.Positive("kernel_us", place) * Micro,
            Kernels = Count(item, "kernels", place),
            RotatedBytes = (long)Amount(item, "rotated_bytes", place),
        };
    }

    private static double Amount(JsonElement item, string name, string place) =>
        item.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number is 0 or (>= 1 and < long.MaxValue)
            ? number
            : throw new InputException($"{place}: expected '{name}', 0 or a number of at least 1");

    private static int Count(JsonElement item, string name, string place) => (int)double.Min(Amount(item, name, place), int.MaxValue);

    private static string[] Texts(JsonElement item, string name, string place) =>
        item.TryGetProperty(name, out JsonElement list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Select(text => InputFile.String($"{place}: {name}", text))]
            : throw new InputException($"{place}: expected a list '{name}'");
}
