using System.CommandLine;
using Lean.Comm;
using Lean.Engine.Ranks;
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
        "--comm", "loopback|mpi", "What connects ranks: loopback, threads of this process, or mpi, processes that a launcher started (default: mpi where one did, else loopback)");

    private readonly Option<string?> _watchdog = Options.Text(
        "--watchdog", "SECONDS", $"How long a rank may wait for others before the run ends with a verdict (default: {Watchdog.Variable}, else {Watchdog.DefaultSeconds})");

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

        if (layout.Ranks > 1 && device is not null and not "cpu")
        {
            throw new InputException($"--device {device} with {layout}: layouts of several ranks run on CPUs in this version");
        }

        RankEnvironment? launched = RankEnvironment.Read();
        launched = launched is { Ranks: 1 } && layout.Ranks > 1 && comm != "mpi" ? null : launched;
        return comm switch
        {
            null or "loopback" or "mpi" when layout.Ranks == 1 && launched is { Ranks: > 1 } => throw new InputException(
                $"{launched.Launcher} started {launched.Ranks} processes, but --tp 1 --dp 1 is one rank: expected --tp and --dp whose product is {launched.Ranks}"),
            null when launched is { Ranks: > 1 } => Processes(layout, parsed, launched, $"mpi, since {launched.Launcher} started {launched.Ranks} processes"),
            null => Threads(layout, parsed, "loopback, since no launcher started several processes: all ranks are threads of this one"),
            "loopback" when launched is { Ranks: > 1 } => throw new InputException(
                $"--comm loopback makes all ranks threads of one process, but {launched.Launcher} started {launched.Ranks}: start one, or use --comm mpi"),
            "loopback" => Threads(layout, parsed, "loopback, as --comm says: all ranks are threads of this process"),
            "mpi" when layout.Ranks == 1 => Threads(layout, parsed, "one rank"),
            "mpi" => launched is { Ranks: > 1 }
                ? Processes(layout, parsed, launched, "mpi, as --comm says")
                : throw new InputException($"--comm mpi needs a launcher that starts {layout.Ranks} processes, such as mpirun -n {layout.Ranks} lean …; --comm loopback makes ranks threads of one"),
            "nccl" or "oneccl" => throw Later.NotYet($"--comm {comm}"),
            _ => throw new InputException($"--comm is '{comm}', expected loopback, mpi, nccl or oneccl"),
        };
    }

    private RankOptions Threads(ParallelLayout layout, ParseResult parsed, string reason) =>
        new() { Layout = layout, Reason = reason, Watchdog = Watchdog.Limit(parsed.GetValue(_watchdog)) };

    private RankOptions Processes(ParallelLayout layout, ParseResult parsed, RankEnvironment launched, string reason) =>
        Threads(layout, parsed, reason) with { Environment = launched };
}
