using System.Globalization;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>Opens what --device names. A named device is that device or an error, never another one.</summary>
internal static class DeviceChoice
{
    private const string Kinds = "cpu, cuda[:i], opencl[:i] or ze[:i]";

    /// <summary>Opens a device.</summary>
    /// <param name="name">cpu, opencl:1, …; null is the CPU.</param>
    /// <exception cref="InputException">There is no such device, or this version has no kernels for it.</exception>
    /// <exception cref="MachineException">Its driver failed.</exception>
    public static ComputeDevice Open(string? name)
    {
        (string kind, int index) = Parse(name ?? "cpu");
        return kind switch
        {
            "cpu" => ComputeDevice.Of(CpuBackends.Open()),
            "cuda" => ComputeDevice.Of(CudaDevices.Open(index)),
            "opencl" => ComputeDevice.Of(OpenCLDevices.Open(index)),
            _ => throw Later.NotYet($"--device {name}"),
        };
    }

    private static (string Kind, int Index) Parse(string name)
    {
        string[] parts = name.Split(':');
        int index = 0;
        bool good = parts switch
        {
            ["cpu"] or ["cuda"] or ["opencl"] or ["ze"] => true,
            ["cuda" or "opencl" or "ze", var number] => int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out index),
            _ => false,
        };
        return good ? (parts[0], index) : throw new InputException($"--device is '{name}', expected {Kinds}");
    }
}
