using System.CommandLine;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary><c>lean selftest</c>: kernels against their references, on the machine at hand.</summary>
internal sealed class SelfTestCommand
{
    private readonly Option<string?> _device = Options.Text("--device", "cpu|cuda[:i]|opencl[:i]", "What to check (default: cpu)");

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "selftest", "Checks every kernel of a device against its reference, one line an op", "lean selftest", "lean selftest --device opencl:0")
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
            failed |= result.Fault is not null;
            Console.WriteLine(result.Fault is null
                ? $"{result.Op,-28} ok      {result.Cases} calls, error {result.Error:g2} of {result.Allowed:g2}"
                : $"{result.Op,-28} FAILED  {result.Fault}");
        }

        return failed ? throw new MachineException($"{kernels.Description} computes wrong results: see the lines above") : 0;
    }
}
