using System.CommandLine;
using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary><c>lean selftest</c>: kernels against their references, then the demo's known answer, on the machine at hand.</summary>
internal sealed class SelfTestCommand
{
    private readonly Option<string?> _device = Options.Text("--device", "cpu|cuda[:i]|opencl[:i]", "What to check (default: cpu)");

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "selftest", "Checks every kernel of a device against its reference, one line an op, then the demo's answer", "lean selftest", "lean selftest --device opencl:0")
        {
            _device,
        };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        using ComputeDevice device = DeviceChoice.Open(parsed.GetValue(_device));
        return Report(device.Ops);
    }

    private static int Report(KernelSet kernels)
    {
        Console.WriteLine(kernels.Description);
        bool failed = false;
        foreach (SelfTestResult result in SelfTest.Run(kernels))
        {
            failed |= Line(result.Op, $"{result.Cases} calls", result.Error, result.Allowed, result.Fault);
        }

        failed |= ReportDemo(kernels);
        return failed ? throw new MachineException($"{kernels.Description} computes wrong results: see the lines above") : 0;
    }

    private static bool ReportDemo(KernelSet kernels)
    {
        if (!Directory.Exists(ModelFolder.Demo))
        {
            Console.WriteLine($"{"demo",-28} ABSENT  the whole model was not checked: there is no demo model at '{ModelFolder.Demo}'");
            return false;
        }

        KnownAnswerResult result = KnownAnswer.Check(ModelFolder.Demo, kernels);
        return Line("demo", $"{result.Tokens} tokens", result.Error, result.Allowed, result.Fault);
    }

    private static bool Line(string what, string count, double error, double allowed, string? fault)
    {
        Console.WriteLine(fault is null
            ? $"{what,-28} ok      {count}, error {error:g2} of {allowed:g2}"
            : $"{what,-28} FAILED  {fault}");
        return fault is not null;
    }
}
