using System.CommandLine;
using System.Globalization;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary><c>lean selftest</c>: kernels against their references, on the machine at hand.</summary>
internal sealed class SelfTestCommand
{
    private readonly Option<string?> _device = Options.Text("--device", "cpu|opencl[:i]", "What to check (default: cpu)");

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
        string device = parsed.GetValue(_device) ?? "cpu";
        if (device == "cpu")
        {
            using CpuBackend backend = CpuBackends.Open();
            return Report(CpuKernels.Create(backend));
        }

        string[] parts = device.Split(':');
        if (parts[0] != "opencl" || parts.Length > 2)
        {
            Later.CheckDevice(device);
        }

        int index = 0;
        if (parts.Length == 2 && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index))
        {
            throw new InputException($"--device is '{device}', expected cpu or opencl[:i]");
        }

        using OpenCLDevice opened = OpenCLDevices.Open(index);
        using OpenCLStream stream = opened.CreateStream(profile: false);
        return Report(DeviceKernelSet.Create(stream));
    }

    private static int Report(KernelSet kernels)
    {
        Console.WriteLine(kernels.Description);
        bool failed = false;
        foreach (SelfTestResult result in SelfTest.Run(kernels))
        {
            failed |= result.Fault is not null;
            Console.WriteLine(result.Fault is null
                ? $"{result.Op,-16} ok      {result.Cases} calls, error {result.Error:g2} of {result.Allowed:g2}"
                : $"{result.Op,-16} FAILED  {result.Fault}");
        }

        return failed ? throw new MachineException($"{kernels.Description} computes wrong results: see the lines above") : 0;
    }
}
