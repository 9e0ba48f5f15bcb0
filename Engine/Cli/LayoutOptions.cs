using System.CommandLine;
using Lean.Comm;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>The options that spread a model over ranks.</summary>
internal sealed class LayoutOptions
{
    private const int MostRanks = 64;

    private readonly Option<int> _tensor = Options.Number("--tp", 1, MostRanks, 1, "Ranks that share each layer (tensor parallelism), each with slices of the weights");
    private readonly Option<int> _data = Options.Number("--dp", 1, MostRanks, 1, "Replicas of those ranks (data parallelism)");
    private readonly Option<bool> _expert = Options.Flag("--ep", "Place whole experts over all ranks instead of slicing each over a replica's");
    private readonly Option<string?> _comm = Options.Text(
        "--comm", "nccl|oneccl|loopback|mpi",
        "What connects ranks: nccl, ranks with a CUDA device each; oneccl, devices through the host's memory, untested on Intel's; loopback, threads that meet in the host's memory; mpi, processes that a launcher started (default: mpi where one did, else nccl where it can, else loopback)");

    private readonly Option<string?> _watchdog = Options.Text(
        "--watchdog", "SECONDS", $"How long a rank may wait for others before the run ends with a verdict (default: {Watchdog.Variable}, else {Watchdog.DefaultSeconds})");

    private readonly bool _processes;

    /// <param name="processes">Whether the command can run on processes.</param>
    public LayoutOptions(bool processes = true) => _processes = processes;

    /// <summary>Adds the options to a command.</summary>
    public LayoutOptions AddTo(Command command)
    {
        command.Add(_tensor);
        command.Add(_data);
        command.Add(_expert);
        command.Add(_comm);
        command.Add(_watchdog);
        return this;
    }

    /// <summary>The layout asked for, and what connects its ranks.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="device">What --device names, or null.</param>
    /// <exception cref="InputException">There are too many ranks, or nothing connects them so.</exception>
    public RankOptions Read(ParseResult parsed, string? device)
    {
        string? comm = parsed.GetValue(_comm);
        var layout = new ParallelLayout(parsed.GetValue(_tensor), parsed.GetValue(_data), parsed.GetValue(_expert));
        if (layout.Ranks > MostRanks)
        {
            throw new InputException($"--tp {layout.Tensor} and --dp {layout.Data} make {layout.Ranks} ranks, expected at most {MostRanks}");
        }

        if (layout.Ranks > 1 && device is not (null or DeviceChoice.Cpu))
        {
            _ = DeviceChoice.Parse(device);
        }

        RankEnvironment? launched = RankEnvironment.Read();
        launched = launched is { Ranks: 1 } && layout.Ranks > 1 && comm != "mpi" ? null : launched;
        return comm switch
        {
            null or "loopback" or "mpi" when layout.Ranks == 1 && launched is { Ranks: > 1 } => throw new InputException(
                $"{launched.Launcher} started {launched.Ranks} processes, but --tp 1 --dp 1 is one rank: expected --tp and --dp whose product is {launched.Ranks}"),
            null when launched is { Ranks: > 1 } => device is null or DeviceChoice.Cpu || NcclChoice.Declined(launched.LocalRanks, device) is not null
                ? Processes(layout, device, parsed, launched, $"mpi, since {launched.Launcher} started {launched.Ranks} processes")
                : Processes(layout, device, parsed, launched, $"nccl, since {launched.Launcher} started {launched.Ranks} processes, each with a CUDA device of its own", CclKind.Nccl),
            null when layout.Ranks == 1 || device is null or DeviceChoice.Cpu =>
                Threads(layout, device, parsed, "loopback, since no launcher started several processes: all ranks are threads of this one"),
            null => NcclChoice.Declined(layout.Ranks, device) is { } why
                ? Threads(layout, device, parsed, $"loopback, since {why}")
                : Threads(layout, device, parsed, "nccl, since each rank has a CUDA device of its own: all ranks are threads of this process", CclKind.Nccl),
            "nccl" when layout.Ranks == 1 => Threads(layout, device, parsed, "one rank"),
            "nccl" when NcclChoice.Declined(launched?.LocalRanks ?? layout.Ranks, device) is { } reason =>
                throw new InputException($"--comm nccl cannot connect {layout}: {reason}"),
            "nccl" => launched is { Ranks: > 1 }
                ? Processes(layout, device, parsed, launched, "nccl, as --comm says", CclKind.Nccl)
                : Threads(layout, device, parsed, "nccl, as --comm says: all ranks are threads of this process", CclKind.Nccl),
            "loopback" when launched is { Ranks: > 1 } => throw new InputException(
                $"--comm loopback makes all ranks threads of one process, but {launched.Launcher} started {launched.Ranks}: start one, or use --comm mpi"),
            "loopback" => Threads(layout, device, parsed, "loopback, as --comm says: all ranks are threads of this process"),
            "mpi" when layout.Ranks == 1 => Threads(layout, device, parsed, "one rank"),
            "mpi" => launched is { Ranks: > 1 }
                ? Processes(layout, device, parsed, launched, "mpi, as --comm says")
                : throw new InputException($"--comm mpi needs a launcher that starts {layout.Ranks} processes, such as mpirun -n {layout.Ranks} lean …; --comm loopback makes ranks threads of one"),
            "oneccl" when layout.Ranks == 1 => Threads(layout, device, parsed, "one rank"),
            "oneccl" when device is null or DeviceChoice.Cpu => throw new InputException(
                $"--comm oneccl connects devices, and ranks run on the CPU here: expected --device ze or another kind, or --comm loopback"),
            "oneccl" => launched is { Ranks: > 1 }
                ? Processes(layout, device, parsed, launched, "oneccl, as --comm says", CclKind.OneCcl)
                : Threads(layout, device, parsed, "oneccl, as --comm says: all ranks are threads of this process", CclKind.OneCcl),
            _ => throw new InputException($"--comm is '{comm}', expected loopback, mpi, nccl or oneccl"),
        };
    }

    private static string Staged(string? device) => device is null or DeviceChoice.Cpu ? "" : $"; what {device} devices bring goes through the host's memory";

    private RankOptions Threads(ParallelLayout layout, string? device, ParseResult parsed, string reason, CclKind? library = null) => new()
    {
        Layout = layout,
        Device = device,
        Library = library,
        Reason = reason + (library == CclKind.Nccl ? "" : Staged(device)),
        Watchdog = Watchdog.Limit(parsed.GetValue(_watchdog)),
    };

    private RankOptions Processes(ParallelLayout layout, string? device, ParseResult parsed, RankEnvironment launched, string reason, CclKind? library = null) => _processes
        ? Threads(layout, device, parsed, reason, library) with { Environment = launched }
        : throw Later.NotYet($"this command on several processes ({launched.Launcher} started {launched.Ranks})");
}
