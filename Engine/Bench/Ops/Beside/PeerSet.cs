using System.Globalization;
using System.Text.Json;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// Peers' figures, from a file with where they come from; or those of another run of <c>lean bench kernels</c>, such as one by the
/// runtime's compiler beside the native binary.
/// </summary>
/// <param name="Path">The file.</param>
/// <param name="Device">What they were measured on: part of the description of the device that runs.</param>
/// <param name="Source">Where they come from.</param>
/// <param name="Entries">The figures.</param>
internal sealed record PeerSet(string Path, string Device, string Source, IReadOnlyList<PeerEntry> Entries)
{
    /// <summary>The option that names the file.</summary>
    public const string Option = "--peers";

    private const double Micro = 1e-6;

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputException">It is neither.</exception>
    public static PeerSet Read(string path)
    {
        JsonElement root = FigureFile.Read(Option, path);
        string place = $"{Option} '{path}'";
        if (root.Text("bench", place) == OpJson.Bench)
        {
            OpRun run = RunFile.Read(root, place, out List<OpFigure> figures);
            return new PeerSet(path, run.DeviceKind, $"another run, {run.Program}", [.. figures.Where(static f => f.Seconds is not null).Select(f => OfRun(run, f))]);
        }

        PeerEntry[] entries = [.. root.Objects("figures", place).SelectMany((item, i) => OfPeer(item, $"{place}, figure {i + 1}"))];
        return new PeerSet(path, root.Needed("device", place), root.Needed("source", place), entries);
    }

    /// <summary>Checks before anything is measured that a run can be put beside them.</summary>
    /// <exception cref="InputException">They are of another device.</exception>
    public void Check(OpRun run) => FigureFile.CheckDevice(Option, Path, Device, run);

    /// <summary>Those for which this run has all ops.</summary>
    public IReadOnlyList<PeerFigure> Beside(IReadOnlyList<OpFigure> figures)
    {
        var found = new List<PeerFigure>();
        foreach (PeerEntry entry in Entries)
        {
            OpFigure[] own = [.. entry.Ops.Select(op => figures.FirstOrDefault(f => f.Name == op && f.Seconds is not null && entry.Matches(f))).OfType<OpFigure>()];
            if (own.Length == entry.Ops.Count)
            {
                found.Add(new PeerFigure(entry, string.Join(" + ", own.Select(static f => f.Shape).Distinct()), own.Sum(static f => f.Seconds!.Value.Median)));
            }
        }

        return found;
    }

    private static IEnumerable<PeerEntry> OfPeer(JsonElement item, string place)
    {
        string[] ops = item.TryGetProperty("ops", out JsonElement list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0
            ? [.. list.EnumerateArray().Select(op => Cli.InputFile.String($"{place}: ops", op))]
            : throw new InputException($"{place}: expected a list 'ops' of at least one");
        JsonElement times = item.TryGetProperty("us", out JsonElement us) && us.ValueKind == JsonValueKind.Object
            ? us
            : throw new InputException($"{place}: expected an object 'us' of rows and times");
        foreach (JsonProperty time in times.EnumerateObject())
        {
            string rows = Cli.InputFile.Name(place, time);
            if (!int.TryParse(rows, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count < 1)
            {
                throw new InputException($"{place}: us has '{rows}', expected a number of rows");
            }

            yield return new PeerEntry(item.Needed("peer", place), ops, count, (times.Positive(rows, place) ?? throw new InputException($"{place}: us of {rows} rows is null")) * Micro)
            {
                Model = item.Text("model", place),
                Shape = item.Text("shape", place),
                Class = item.Text("class", place),
                Note = item.Text("note", place),
            };
        }
    }

    private static PeerEntry OfRun(OpRun run, OpFigure figure) => new(run.Program, [figure.Name], figure.Rows, figure.Seconds!.Value.Median)
    {
        Shape = figure.Shape,
        Class = figure.Class is null ? null : OpTable.Class(figure.Class),
    };
}
