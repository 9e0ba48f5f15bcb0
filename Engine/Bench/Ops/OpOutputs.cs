using System.Text;
using Lean.Engine.Bench.Charts;
using Lean.Engine.Cli;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>Where a run goes, and what it is put beside. Files are opened before anything is measured.</summary>
/// <param name="json">A file, or <see cref="StandardOutput"/>, or null.</param>
/// <param name="chart">The bars.</param>
/// <param name="roofline">The roofline chart.</param>
/// <param name="saved">What later runs are held to.</param>
internal sealed class OpOutputs(string? json, OutputFile? chart, OutputFile? roofline, OutputFile? saved) : IDisposable
{
    /// <summary>Where JSON goes instead of a table.</summary>
    public const string StandardOutput = "-";

    private readonly OutputFile? _json = json is null or StandardOutput ? null : OutputFile.Open("--json", json);

    /// <summary>Others' times, or null.</summary>
    public PeerSet? Peers { get; init; }

    /// <summary>What the run is held to, or null.</summary>
    public OpGate? Gate { get; init; }

    /// <summary>Checks that the run can be put beside what there is.</summary>
    /// <exception cref="InputException">It is on another device.</exception>
    public void Check(OpRun run)
    {
        Peers?.Check(run);
        Gate?.Check(run);
    }

    /// <summary>The table on stdout, begun, unless JSON goes there.</summary>
    public OpTable? Table(OpRun run)
    {
        OpTable? table = json == StandardOutput ? null : new OpTable(Console.Out, run);
        table?.Head();
        return table;
    }

    /// <summary>Shows a former run.</summary>
    /// <param name="path">Its file.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="LeanException">The file is none, or see <see cref="Write"/>.</exception>
    public int Of(string path)
    {
        OpRun run = RunFile.Read("--from", path, out List<OpFigure> figures);
        Check(run);
        OpTable? table = Table(run);
        foreach (OpFigure figure in figures)
        {
            table?.Add(figure);
        }

        return Write(run, figures);
    }

    /// <summary>Writes all that comes of a run but its table.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="MachineException">Checks were red, or ops fell below the gate.</exception>
    public int Write(OpRun run, IReadOnlyList<OpFigure> figures)
    {
        if (json == StandardOutput)
        {
            JsonLine.Print(j => OpJson.Write(j, run, figures, Peers));
        }
        else if (Peers is not null)
        {
            PeerTable.Print(Console.Out, Peers, Peers.Beside(figures));
        }

        _json?.Write(JsonLine.Bytes(j => OpJson.Write(j, run, figures, Peers)));
        chart?.Write(Encoding.UTF8.GetBytes(SvgWriter.Write(OpChart.Of(run, figures, Peers))));
        roofline?.Write(Encoding.UTF8.GetBytes(RooflineWriter.Write(OpRoofline.Of(run, figures))));
        OpFigure[] red = [.. figures.Where(static f => f.Fault is not null)];
        return red.Length > 0
            ? throw new MachineException($"{red.Length} of {figures.Count} checks were red and have no figures, the first: {red[0].Name} {red[0].Shape}, {red[0].Rows} rows: {red[0].Fault}")
            : Save(run, figures);
    }

    public void Dispose() => _json?.Dispose();

    // Only what is right, and what the gate let through, is what later runs are held to.
    private int Save(OpRun run, IReadOnlyList<OpFigure> figures)
    {
        int code = Hold(figures, run.Ceilings);
        saved?.Write(JsonLine.Bytes(j => OpGate.Write(j, run, figures)));
        return code;
    }

    private int Hold(IReadOnlyList<OpFigure> figures, Ceilings ceilings)
    {
        if (Gate?.Fallen(figures, ceilings, out int held) is not { Count: > 0 } fallen)
        {
            return 0;
        }

        foreach (string sentence in fallen)
        {
            Console.Error.WriteLine(sentence);
        }

        throw new MachineException($"{fallen.Count} of {held} ops fell below {OpGate.Option} '{Gate.Path}'");
    }
}
