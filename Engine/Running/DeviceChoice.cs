using System.Diagnostics;
using System.Globalization;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Opens what --device names. A named device is that device or an error, never another one.</summary>
internal static class DeviceChoice
{
    /// <summary>The host's processor.</summary>
    public const string Cpu = "cpu";

    private const string Kinds = "cpu, cuda[:i], opencl[:i] or ze[:i]";

    /// <summary>Opens a device.</summary>
    /// <param name="name">cpu, opencl:1, …; null is the CPU.</param>
    /// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
    /// <param name="profiles">Whether a device's kernels are timed, one after the other; the CPU has none.</param>
    /// <exception cref="InputException">There is no such device, this version has no kernels for it, or it cannot time them.</exception>
    /// <exception cref="MachineException">Its driver failed.</exception>
    public static ComputeDevice Open(string? name, DType activations = DType.F32, bool profiles = false)
    {
        (string kind, int index) = Parse(name ?? Cpu);
        if (profiles && kind == Cpu)
        {
            throw new InputException("--profile times a device's kernels, and the CPU has none: expected --device cuda[:i], opencl[:i] or ze[:i]");
        }

        return kind switch
        {
            Cpu => ComputeDevice.Of(CpuBackends.Open(), activations),
            "cuda" => ComputeDevice.Of(CudaDevices.Open(index), activations, profiles),
            "opencl" => ComputeDevice.Of(OpenCLDevices.Open(index), activations, profiles),
            "ze" => ComputeDevice.Of(LevelZeroDevices.Open(index), activations, profiles),
            _ => throw new UnreachableException(),
        };
    }

    /// <summary>How many devices of a kind this machine has.</summary>
    /// <param name="kind">cuda, opencl or ze.</param>
    public static int Count(string kind) => kind switch
    {
        "cuda" => CudaDevices.List(out _).Count,
        "opencl" => OpenCLDevices.List(out _).Count,
        "ze" => LevelZeroDevices.List(out _).Count,
        _ => 1,
    };

    /// <summary>What a name means: a kind of device, and which of them.</summary>
    /// <exception cref="InputException">It is no such name.</exception>
    public static (string Kind, int Index) Parse(string name)
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
