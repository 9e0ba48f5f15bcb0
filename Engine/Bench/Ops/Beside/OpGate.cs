using System.Globalization;
using System.Text.Json;
using Lean.Engine.Cli;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// What a device's kernels reached once, as shares of the ceilings measured in the same run: a ratio outlasts clocks, drivers and
/// machines of one kind better than a time does. A run that falls below says so, op by op, and fails.
/// </summary>
/// <param name="Path">The file.</param>
/// <param name="Device">What was measured: part of the description of the device that runs.</param>
/// <param name="Quick">Whether shapes were the small ones.</param>
/// <param name="Entries">The ops.</param>
internal sealed record OpGate(string Path, string Device, bool Quick, IReadOnlyList<GateEntry> Entries)
{
    /// <summary>The option that names the file.</summary>
    public const string Option = "--gate";

    // Between runs on one machine the same op differed by some per cent; launches of a few µs are mostly the host's, whose
    // time differed by a third from process to process.
    private const double Tolerance = 0.1, ShortTolerance = 0.4, Short = 10e-6, MostTolerance = 0.9;

    // Below that an op is nothing but a launch, of which the ceilings say nothing.
    private const double LeastShare = 0.001;
    private const int Decimals = 4;

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputException">It is none of gates.</exception>
    public static OpGate Read(string path)
    {
        JsonElement root = FigureFile.Read(Option, path);
        string place = $"{Option} '{path}'";
        GateEntry[] entries = [.. root.Objects("gates", place).Select((item, i) => Entry(item, $"{place}, gate {i + 1}"))];
        bool quick = root.TryGetProperty("quick", out JsonElement flag) && flag.ValueKind == JsonValueKind.True;
        return new OpGate(path, root.Needed("device", place), quick, entries);
    }

    /// <summary>Writes what a run reached as a file that later runs are held to.</summary>
    public static void Write(Utf8JsonWriter json, OpRun run, IReadOnlyList<OpFigure> figures)
    {
        json.WriteStartObject();
        json.WriteString("device", run.DeviceKind);
        json.WriteBoolean("quick", run.Quick);
        json.WriteString("share", "the least time that the ceilings of the run allow / median");
        json.WriteString("tolerance", "how much of the share may be lost");
        json.WriteStartArray("gates");
        foreach (OpFigure figure in figures)
        {
            if (figure.Share(run.Ceilings) is not ({ } share and >= LeastShare) || figure.Seconds is not { } seconds)
            {
                continue;
            }

            // A line each, so that a change of one shows as one.
            json.WriteRawValue([(byte)'\n', .. JsonLine.Bytes(line => Write(line, figure, share, seconds))[..^1]], skipInputValidation: true);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Checks before anything is measured that a run can be held to this.</summary>
    /// <exception cref="InputException">It is of another device, or of other shapes.</exception>
    public void Check(OpRun run)
    {
        FigureFile.CheckDevice(Option, Path, Device, run);
        if (Quick != run.Quick)
        {
            throw FigureFile.Wrong(Option, Path, $"it is of a run {(Quick ? "with" : "without")} --quick, and this one is {(Quick ? "without" : "with")} it");
        }
    }

    /// <summary>Holds a run to it.</summary>
    /// <param name="figures">The run's.</param>
    /// <param name="ceilings">What the device does at best in it.</param>
    /// <param name="held">How many ops were looked at.</param>
    /// <returns>A sentence for each op that is slower, or gives no figure any more.</returns>
    /// <exception cref="InputException">The run has none of its ops.</exception>
    public IReadOnlyList<string> Fallen(IReadOnlyList<OpFigure> figures, Ceilings ceilings, out int held)
    {
        held = 0;
        var fallen = new List<string>();
        foreach (GateEntry gate in Entries)
        {
            if (figures.FirstOrDefault(gate.Matches) is not { } figure)
            {
                continue;
            }

            held++;
            string what = $"{gate.Op} {gate.Shape}, {gate.Rows} {(gate.Class is null ? "" : $"{gate.Class} ")}row{(gate.Rows == 1 ? "" : "s")}";
            if (figure.Share(ceilings) is not { } share)
            {
                fallen.Add($"{what}: no figure any more, {(figure.Fault is { } fault ? $"the check is red: {fault}" : $"it was skipped: {figure.Skipped}")}");
            }
            else if (share < gate.Least)
            {
                fallen.Add(string.Create(CultureInfo.InvariantCulture, $"{what}: {100 * share:0.##} % of the ceiling, expected at least {100 * gate.Least:0.##} % ({100 * gate.Share:0.##} % less {gate.Tolerance:0.##} of it)"));
            }
        }

        return held > 0 ? fallen : throw FigureFile.Wrong(Option, Path, $"none of its {Entries.Count} ops is in this run");
    }

    private static void Write(Utf8JsonWriter json, OpFigure figure, double share, in Spread seconds)
    {
        json.WriteStartObject();
        json.WriteString("op", figure.Name);
        json.WriteString("shape", figure.Shape);
        json.WriteString("class", figure.Class is null ? null : OpTable.Class(figure.Class));
        json.WriteNumber("rows", figure.Rows);
        json.Figure("share", share, Decimals + 1);
        json.Figure("tolerance", double.Clamp(Spread(seconds), seconds.Median < Short ? ShortTolerance : Tolerance, MostTolerance), Decimals);
        json.WriteEndObject();
    }

    private static double Spread(in Spread seconds) => (seconds.Most - seconds.Least) / seconds.Most;

    private static GateEntry Entry(JsonElement item, string place) => new(
        item.Needed("op", place), item.Needed("shape", place), item.Text("class", place), item.Rows(place),
        item.Positive("share", place) ?? throw new InputException($"{place}: expected a number 'share'"),
        item.Positive("tolerance", place) is { } tolerance and < 1 ? tolerance : throw new InputException($"{place}: expected 'tolerance', a number above 0 and below 1"));
}
