using System.CommandLine;
using Lean.Comm;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>The options that spread a model over ranks.</summary>
internal sealed class LayoutOptions
{
    private const int MostRanks = 64;

    private readonly Option<int> _tensor = Options.Number("--tp", 1, MostRanks, 1, "Ranks that share each layer (tensor parallelism), each with slices of the weights");
    private readonly Option<int> _data = Options.Number("--dp", 1, MostRanks, 1, "Replicas of those ranks (data parallelism)");
    private readonly Option<bool> _expert = Options.Flag("--ep", "Place whole experts over all ranks instead of slicing each over a replica's");
    private readonly Option<string?> _comm = Options.Text("--comm", "loopback", "What connects ranks: loopback, threads of this process (the default)");

    /// <summary>Adds the options to a command.</summary>
    public LayoutOptions AddTo(Command command)
    {
        command.Add(_tensor);
        command.Add(_data);
        command.Add(_expert);
        command.Add(_comm);
        return this;
    }

    /// <summary>The layout asked for.</summary>
    /// <exception cref="InputException">There are too many ranks, or nothing connects them so.</exception>
    public ParallelLayout Read(ParseResult parsed)
    {
        switch (parsed.GetValue(_comm))
        {
            case null or "loopback":
                break;
            case "mpi" or "nccl" or "oneccl":
                throw Later.NotYet($"--comm {parsed.GetValue(_comm)}");
            case var other:
                throw new InputException($"--comm is '{other}', expected loopback, mpi, nccl or oneccl");
        }

        var layout = new ParallelLayout(parsed.GetValue(_tensor), parsed.GetValue(_data), parsed.GetValue(_expert));
        return layout.Ranks <= MostRanks
            ? layout
            : throw new InputException($"--tp {layout.Tensor} and --dp {layout.Data} make {layout.Ranks} ranks, expected at most {MostRanks} in one process");
    }
}
