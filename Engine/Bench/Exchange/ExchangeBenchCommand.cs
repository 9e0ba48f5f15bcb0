using System.CommandLine;
using Lean.Comm;
using Lean.Engine.Bench.Ops;
using Lean.Engine.Cli;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Exchange;

/// <summary><c>lean bench exchange</c>: sums over CUDA devices through their peers' memory, beside NCCL's.</summary>
internal sealed class ExchangeBenchCommand
{
    private const int MostRows = 1 << 12, MostWidth = 8192, MostRepeats = 1000;

    private static readonly int[] s_rows = [1, 4, 16, 64, 128, 256];

    private readonly Option<int> _devices = Options.Number("--devices", 2, PeerExchange.MostRanks, 2, "CUDA devices, from cuda:0 on");
    private readonly Option<int[]?> _rows = Options.Numbers("--rows", 1, MostRows, s_rows, "Rows of an exchange");
    private readonly Option<int> _width = Options.Number("--width", 4, MostWidth, 2048, "Numbers of a row, a multiple of 4");
    private readonly Option<int> _repeats = Options.Number("--repeats", 1, MostRepeats, 25, "Measurements, whose median counts");
    private readonly Option<bool> _json = Options.Json("Print one JSON object on one line");

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "exchange",
            "Sums over CUDA devices through each other's memory, alone and with residual add and norm, beside NCCL where it is found: bits first, then times in a captured graph",
            "lean bench exchange --devices 2",
            "lean bench exchange --devices 4 --rows 1,64 --json")
        {
            _devices, _rows, _width, _repeats, _json,
        };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        int[] rows = [.. (parsed.GetValue(_rows) is { Length: > 0 } given ? given : s_rows).Distinct()];
        int width = parsed.GetValue(_width), repeats = parsed.GetValue(_repeats);
        if (width % 4 != 0)
        {
            throw new InputException($"--width is {width}, expected a multiple of 4: rows are read four numbers at a time");
        }

        CclLibrary? library = Nccl(out string nccl);
        using var progress = new OpProgress();
        progress.Say("connecting the devices");
        using var bench = new ExchangeBench(parsed.GetValue(_devices), rows.Max(), width, library);
        progress.Clear();
        var report = new ExchangeReport(bench.Description, nccl, width, repeats);
        bool asJson = parsed.GetValue(_json);
        var figures = new List<ExchangeFigure>();
        foreach (int count in rows)
        {
            IReadOnlyList<ExchangeFigure> found = bench.Measure(count, repeats, progress.Say);
            progress.Clear();
            if (!asJson)
            {
                report.Print(count, found, isFirst: figures.Count == 0);
            }

            figures.AddRange(found);
        }

        if (asJson)
        {
            JsonLine.Print(json => report.Write(json, figures));
        }

        return 0;
    }

    private static CclLibrary? Nccl(out string description)
    {
        try
        {
            var library = CclLibrary.Open(CclKind.Nccl);
            description = library.Description;
            return library;
        }
        catch (MachineException missing)
        {
            description = missing.Message;
            return null;
        }
    }
}
