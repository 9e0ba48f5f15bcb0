using System.CommandLine;
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
    private readonly Option<string?> _filter = Options.Text("--filter", "TEXT", $"Only ops whose name contains it; '{Demo}' is the demo's answer");

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "selftest", "Checks every kernel of a device against its reference, one line an op, then the demo's answer", "lean selftest", "lean selftest --device opencl:0",
            "lean selftest --device cuda --filter attention")
        {
            _device, _filter,
        };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string filter = parsed.GetValue(_filter) ?? "";
        if (!SelfTest.Ops.Append(Demo).Any(Chosen))
        {
            throw new InputException($"--filter is '{filter}', expected a part of an op's name; the ops are {string.Join(", ", SelfTest.Ops)}, and {Demo}");
        }

        using ComputeDevice device = DeviceChoice.Open(parsed.GetValue(_device));
        return Report(device.Ops, Chosen);

        bool Chosen(string op) => op.Contains(filter, StringComparison.OrdinalIgnoreCase);
    }

    private static int Report(KernelSet kernels, Func<string, bool> chosen)
    {
        Console.WriteLine(kernels.Description);
        bool failed = false;
        foreach (SelfTestResult result in SelfTest.Run(kernels, chosen))
        {
            failed |= Line(result.Op, $"{result.Cases} calls", result.Error, result.Allowed, result.Fault);
        }

        failed |= chosen(Demo) && ReportDemo(kernels);
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
