using System.CommandLine;
using Lean.Comm;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary><c>lean devices</c>: what this machine can run on.</summary>
internal static class DevicesCommand
{
    private const double GiB = 1L << 30;

    /// <summary>The command.</summary>
    public static Command Build()
    {
        var command = new ExampleCommand("devices", "Lists what this machine can run on, and what is in use", "lean devices", "LEAN_CPU=avx2 LEAN_THREADS=4 lean devices");
        command.SetAction(static _ => Run());
        return command;
    }

    private static int Run()
    {
        using CpuBackend backend = CpuBackends.Open();
        var cpu = new CpuDevice();
        Console.WriteLine($"cpu     {cpu.Description}");
        Console.WriteLine($"        memory: {cpu.FreeMemory / GiB:F1} of {cpu.TotalMemory / GiB:F1} GiB free");
        Console.WriteLine($"        threads: {backend.Threads} in use");
        foreach (CpuInstructionSet set in CpuBackends.All)
        {
            string state = set.Name == backend.InstructionSet ? "in use" : set.Declined is { } why ? $"not available: {why}" : "available";
            Console.WriteLine($"        {set.Name}: {state}");
        }

        Console.WriteLine($"        {Variable(CpuBackends.InstructionSetVariable)}, {Variable(CpuBackends.ThreadsVariable)}");
        WriteCuda();
        WriteOpenCL();
        WriteLevelZero();
        WriteComm();
        return 0;
    }

    private static void WriteCuda()
    {
        IReadOnlyList<CudaDeviceInfo> found = CudaDevices.List(out string? declined);
        if (declined is not null)
        {
            Console.WriteLine($"cuda    {declined}");
        }

        foreach (CudaDeviceInfo device in found)
        {
            Console.WriteLine($"cuda:{device.Index}  {device.Name}, compute capability {device.Capability / 10}.{device.Capability % 10}");
            Console.WriteLine($"        driver: CUDA {device.Driver}");
            Console.WriteLine($"        memory: {device.TotalMemory / GiB:F1} GiB; {device.Multiprocessors} multiprocessors, {device.CacheBytes >> 20} MiB of cache");
            Console.WriteLine($"        kernels: {(device.Declined is { } why ? $"not available: {why}" : "available")}");
        }
    }

    private static void WriteOpenCL()
    {
        IReadOnlyList<OpenCLDeviceInfo> found = OpenCLDevices.List(out string? declined);
        if (declined is not null)
        {
            Console.WriteLine($"opencl  {declined}");
        }

        foreach (OpenCLDeviceInfo device in found)
        {
            Console.WriteLine($"opencl:{device.Index}  {device.Name}, {device.Vendor}");
            Console.WriteLine($"        driver: {device.PlatformName} {device.Driver}, {device.Version}");
            Console.WriteLine($"        memory: {device.TotalMemory / GiB:F1} GiB, at most {device.LargestBuffer / GiB:F1} GiB in one buffer");
            Console.WriteLine($"        kernels: {(device.Declined is { } why ? $"not available: {why}" : "available")}");
        }
    }

    private static void WriteLevelZero()
    {
        IReadOnlyList<LevelZeroDeviceInfo> found = LevelZeroDevices.List(out string? declined);
        if (declined is not null)
        {
            Console.WriteLine($"ze      {declined}");
        }

        foreach (LevelZeroDeviceInfo device in found)
        {
            Console.WriteLine($"ze:{device.Index}    {device.Name}, {device.Type}");
            Console.WriteLine($"        driver: {device.DriverVersion:x}, Level Zero {device.Version}");
            Console.WriteLine($"        memory: {device.TotalMemory / GiB:F1} GiB, groups of up to {device.MostThreads} threads, {device.SharedBytes:N0} bytes of shared memory");
            Console.WriteLine($"        kernels: {(device.Declined is { } why ? $"not available: {why}" : "available, untested on hardware")}");
        }
    }

    private static void WriteComm()
    {
        string label = "comm";
        foreach (Transport transport in Transport.List())
        {
            Console.WriteLine($"{label,-6}  {transport.Name}: {(transport.IsAvailable ? "" : "not available: ")}{transport.Description}");
            label = "";
        }
    }

    private static string Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? $"{name}={value}" : $"{name} not set";
}
