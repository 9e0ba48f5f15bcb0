using System.CommandLine;
using System.Globalization;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary><c>lean selftest</c>: kernels against their references, then the demo's known answer, on the machine at hand.</summary>
internal sealed class SelfTestCommand
{
    private const string Demo = "demo";

    private readonly Option<string?> _device = Options.Text("--device", "cpu|cuda[:i]|opencl[:i]|ze[:i]", "What to check (default: cpu)");
    private readonly Option<string?> _activations = Options.Activations();
    private readonly Option<string?> _filter = Options.Text("--filter", "TEXT", $"Only ops whose name contains it; '{Demo}' is the demo's answer");
    private readonly Option<bool> _drill = Options.Flag("--drill", "With several ranks, then let the last one stay away from a collective: the watchdog must end all");
    private readonly LayoutOptions _layout = new();
    private readonly Option<string?> _shard = Options.Text("--shard", "I/N", "Only every N-th call, from the I-th on, so that N processes share the work; the demo is with the first");

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "selftest",
            "Checks every kernel of a device against its reference, one line an op, then the demo's answer; of several ranks, what connects them: every collective of every group against known values, with times",
            "lean selftest", "lean selftest --device opencl:0",
            "lean selftest --device cuda --activations bf16",
            "lean selftest --device cuda --filter attention",
            "lean selftest --device cuda --filter linear --shard 2/8",
            "lean selftest --device cuda --tp 2 --drill --watchdog 2")
        {
            _device, _activations, _filter, _shard, _drill,
        };
        _layout.AddTo(command);
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        RankOptions ranks = _layout.Read(parsed, parsed.GetValue(_device)) with { Activations = Options.ReadActivations(parsed, _activations) };
        if (ranks.Layout.Ranks > 1)
        {
            if ((parsed.GetValue(_filter) ?? parsed.GetValue(_shard)) is not null)
            {
                throw new InputException($"--filter and --shard choose among kernels, and {ranks.Layout} checks what connects ranks: leave them out");
            }

            new RankSelfTest(ranks, parsed.GetValue(_drill), Console.Out).Run();
            return 0;
        }

        if (parsed.GetValue(_drill))
        {
            throw new InputException("--drill lets a rank stay away from the others, expected --tp or --dp of 2 or more");
        }

        string filter = parsed.GetValue(_filter) ?? "";
        if (!SelfTest.Ops.Append(Demo).Any(Chosen))
        {
            throw new InputException($"--filter is '{filter}', expected a part of an op's name; the ops are {string.Join(", ", SelfTest.Ops)}, and {Demo}");
        }

        (int shard, int shards) = Shard(parsed.GetValue(_shard));
        using ComputeDevice device = DeviceChoice.Open(parsed.GetValue(_device), ranks.Activations);
        return Report(device.Ops, Chosen, shard, shards);

        bool Chosen(string op) => op.Contains(filter, StringComparison.OrdinalIgnoreCase);
    }

    private static (int Shard, int Shards) Shard(string? text)
    {
        string[] parts = (text ?? "1/1").Split('/');
        return parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int shard)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int shards)
            && shard >= 1 && shard <= shards
            ? (shard, shards)
            : throw new InputException($"--shard is '{text}', expected I/N with 1 ≤ I ≤ N, such as 2/8");
    }

    private static int Report(KernelSet kernels, Func<string, bool> chosen, int shard, int shards)
    {
        if (!chosen(Demo) && !SelfTest.Checks(kernels, chosen))
        {
            throw new InputException($"--filter chooses what {kernels.Description} does without: there is nothing to check");
        }

        Console.WriteLine(kernels.Description);
        bool failed = false;
        foreach (SelfTestResult result in SelfTest.Run(kernels, chosen, shard, shards))
        {
            failed |= Line(result.Op, $"{result.Cases} calls", result.Error, result.Allowed, result.Fault);
        }

        failed |= shard == 1 && chosen(Demo) && ReportDemo(kernels);
        return failed ? throw new MachineException($"{kernels.Description} computes wrong results: see the lines above") : 0;
    }

    private static bool ReportDemo(KernelSet kernels)
    {
        if (!Directory.Exists(ModelFolder.Demo))
        {
            Console.WriteLine($"{Demo,-28} ABSENT  the whole model was not checked: there is no demo model at '{ModelFolder.Demo}'");
            return false;
        }

        KnownAnswerResult result = KnownAnswer.Check(ModelFolder.Demo, kernels);
        return Line(Demo, $"{result.Tokens} tokens", result.Error, result.Allowed, result.Fault);
    }

    private static bool Line(string what, string count, double error, double allowed, string? fault)
    {
        Console.WriteLine(fault is null
            ? $"{what,-28} ok      {count}, error {error:g2} of {allowed:g2}"
            : $"{what,-28} FAILED  {fault}");
        return fault is not null;
    }
}
