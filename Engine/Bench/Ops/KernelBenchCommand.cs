using System.CommandLine;
using Lean.Engine.Cli;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary><c>lean bench kernels</c>: each op of the forward pass alone, beside what the device does at best.</summary>
internal sealed class KernelBenchCommand
{
    private const int MostRows = 1 << 16, MostPositions = 1 << 20, MostRepeats = 1000;
    private const long Rotation = 1L << 30, QuickRotation = 16 << 20;

    // What is left is for checks, which copy to the host, and for everybody else.
    private const double ShareOfFree = 0.75;

    private static readonly int[] AllRows = [1, 4, 16, 64, 256, 2048, 8192], QuickRows = [1, 5];
    private static readonly int[] Contexts = [4096, 32_768], QuickContexts = [130];
    private static readonly string[] DefaultModels = ["qwen3.5-35b-a3b", "qwen3-next-80b-a3b"];

    private readonly Option<string?> _device = Options.Device();
    private readonly Option<string?> _activations = Options.Activations();
    private readonly Option<string[]> _models = Options.Texts("--model", "NAME", $"A published model's shapes (default: {string.Join(" and ", DefaultModels)}); several with several --model");
    private readonly Option<string?> _filter = Options.Text("--filter", "TEXT", "Only ops whose name or shape contains it");
    private readonly Option<int[]?> _rows = Options.Numbers("--rows", 1, MostRows, AllRows, "Rows of a launch");
    private readonly Option<string?> _class = Options.Text("--class", "generated|prompt", $"What the rows are (default: generated up to {OpCatalog.MostGenerated}, a prompt's above)");
    private readonly Option<int[]?> _contexts = Options.Numbers("--context", 1, MostPositions, Contexts, "Positions that generated rows attend to");
    private readonly Option<int> _repeats = Options.Number("--repeats", 1, MostRepeats, 9, "Measurements, whose median counts; slow ops get fewer");
    private readonly Option<string?> _memory = Options.Text("--memory", "SIZE", "Memory to use at most, such as 8GiB (default: three quarters of what is free)");
    private readonly Option<bool> _quick = Options.Flag("--quick", "Small shapes, few rows, short repeats: whether everything runs, not how fast");
    private readonly Option<string?> _json = new("--json")
    {
        Description = "Write everything as JSON to a file, or with - or nothing to stdout instead of the table",
        HelpName = "FILE|-",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = static result => result.Tokens.Count == 0 ? OpOutputs.StandardOutput : result.Tokens[^1].Value,
    };

    private readonly Option<string?> _chart = Options.Text("--chart", "FILE.svg", "Draw a chart");
    private readonly Option<string?> _roofline = Options.Text("--roofline", "FILE.svg", "Draw each op's rate over its arithmetic intensity, below the ceilings");
    private readonly Option<string?> _peers = Options.Text(PeerSet.Option, "FILE.json", "Put others' times beside: peers', as in bench/peers, or those of another run's --json");
    private readonly Option<string?> _gate = Options.Text(OpGate.Option, "FILE.json", "Fail where an op reaches less of the ceiling than this file says, with a sentence for each");
    private readonly Option<string?> _from = Options.Text("--from", "FILE.json", "Measure nothing: take what another run's --json holds, and draw it, put peers beside it or hold it to gates");
    private readonly Option<string?> _saveGate = Options.Text("--save-gate", "FILE.json", "Write what the ops reach as such a file");

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "kernels",
            "Each op of the forward pass alone, checked against f64 first, beside what the device does at best",
            "lean bench kernels --device opencl --rows 1,16,64",
            "lean bench kernels --filter experts --json experts.json --chart experts.svg",
            "lean bench kernels --device cuda --peers bench/peers/h200.json --gate bench/gates/h200.json --roofline roofline.svg",
            "lean bench kernels --from run.json --roofline roofline.svg --save-gate gate.json")
        {
            _device, _activations, _models, _filter, _rows, _class, _contexts, _repeats, _memory, _quick, _json, _chart, _roofline, _peers, _gate, _saveGate,
            _from,
        };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        bool quick = parsed.GetValue(_quick);
        int[] rows = Given(parsed.GetValue(_rows), quick ? QuickRows : AllRows), contexts = Given(parsed.GetValue(_contexts), quick ? QuickContexts : Contexts);
        (string Name, ModelConfig Config)[] models = Models(parsed.GetValue(_models) ?? [], quick);
        RowClass? rowClass = Class(parsed.GetValue(_class));
        long? asked = parsed.GetValue(_memory) is { } size ? ByteSize.Parse("--memory", size) : null;
        PeerSet? peers = parsed.GetValue(_peers) is { } peersPath ? PeerSet.Read(peersPath) : null;
        OpGate? gate = parsed.GetValue(_gate) is { } heldPath ? OpGate.Read(heldPath) : null;
        if (parsed.GetValue(_from) is { } read && parsed.GetValue(_json) is { } written and not OpOutputs.StandardOutput && Path.GetFullPath(read) == Path.GetFullPath(written))
        {
            throw new InputException($"{_json.Name} is {_from.Name}'s own file, which holds more than is read of it: expected another one");
        }

        using OutputFile? chart = File(parsed, _chart), roofline = File(parsed, _roofline), saved = File(parsed, _saveGate);
        using OpOutputs outputs = new(parsed.GetValue(_json), chart, roofline, saved) { Peers = peers, Gate = gate };
        if (parsed.GetValue(_from) is { } former)
        {
            Option? other = ((Option[])[_device, _activations, _models, _filter, _rows, _class, _contexts, _repeats, _memory, _quick]).FirstOrDefault(o => parsed.GetResult(o) is { Implicit: false });
            return other is null ? outputs.Of(former) : throw new InputException($"{_from.Name} takes what was measured, so {other.Name} has nothing to choose: expected one of them");
        }

        using ComputeDevice device = DeviceChoice.Open(parsed.GetValue(_device), Options.ReadActivations(parsed, _activations));
        KernelSet ops = device.Ops;
        long budget = Budget(asked, ops.Device), rotation = long.Min(quick ? QuickRotation : Rotation, budget / 3);
        OpPlan plan = OpPlan.Make(models, ops, [.. rows.Distinct()], rowClass, [.. contexts.Distinct()], rotation, parsed.GetValue(_filter));
        int repeats = quick && parsed.GetResult(_repeats) is not { Implicit: false } ? 2 : parsed.GetValue(_repeats);
        var timer = new LaunchTimer(TimeProvider.System, TimeSpan.FromMilliseconds(quick ? 1 : 20), repeats, TimeSpan.FromSeconds(3));

        using var progress = new OpProgress();
        progress.Say("measuring what the device does at best");
        using var memory = new BenchMemory(ops, budget, rotation);
        using KernelTimes? kernels = KernelTimes.Open(ops);
        var run = new OpRun(
            ops.Description, ops.Device.Name, [.. models.Select(static m => m.Name)], quick, repeats, budget, rotation, kernels is not null,
            Ceilings.Measure(ops, memory, rotation, timer), plan.Missing)
        {
            Captures = ops.Stream is { CanCapture: true },
        };
        outputs.Check(run);
        progress.Clear();
        OpTable? table = outputs.Table(run);
        List<OpFigure> figures = Measure(plan, new OpRunner(ops, memory, timer, kernels), table, progress);
        return outputs.Write(run, figures);
    }

    private static OutputFile? File(ParseResult parsed, Option<string?> option) => parsed.GetValue(option) is { } path ? OutputFile.Open(option.Name, path) : null;

    private static List<OpFigure> Measure(OpPlan plan, OpRunner runner, OpTable? table, OpProgress progress)
    {
        var figures = new List<OpFigure>();
        foreach (OpPlanEntry entry in plan.Entries)
        {
            progress.Say($"{figures.Count + 1} of {plan.Entries.Count}: {entry.Bench.Name} {entry.Bench.Shape}, {entry.Bench.Rows} rows");
            OpFigure figure = runner.Run(entry);
            progress.Clear();
            table?.Add(figure);
            figures.Add(figure);
        }

        return figures;
    }

    private static (string, ModelConfig)[] Models(string[] names, bool quick)
    {
        if (names.FirstOrDefault(static n => !SyntheticModels.Names.Contains(n)) is { } wrong)
        {
            throw new InputException($"--model is '{wrong}', expected one of {string.Join(", ", SyntheticModels.Names)}");
        }

        return quick && names.Length == 0
            ? [(SyntheticModels.SmallName, SyntheticModels.Small())]
            : [.. (names.Length == 0 ? DefaultModels : names).Distinct().Select(static n => (n, SyntheticModels.Get(n, layers: null)))];
    }

    private static RowClass? Class(string? name) => name switch
    {
        null => null,
        "generated" => RowClass.Generated,
        "prompt" => RowClass.Prompt,
        _ => throw new InputException($"--class is '{name}', expected generated or prompt"),
    };

    private static long Budget(long? asked, IDevice device)
    {
        long free = device.FreeMemory;
        return asked is not { } given ? (long)(free * ShareOfFree)
            : given <= free ? given
            : throw new InputException($"--memory is {given:N0} bytes, but {device.Name} has {free:N0} free");
    }

    // The parser's value of a list that was not given is an empty one.
    private static int[] Given(int[]? numbers, int[] fallback) => numbers is { Length: > 0 } ? numbers : fallback;
}
