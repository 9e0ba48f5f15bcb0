using System.CommandLine;
using Lean.Kernels;

namespace Lean.Engine.Cli;

/// <summary><c>lean kernels</c>: the device kernels in this binary, and the targets each was compiled for.</summary>
internal static class KernelsCommand
{
    /// <summary>The command.</summary>
    public static Command Build()
    {
        var command = new ExampleCommand("kernels", "Lists the device kernels in this binary and the targets each was compiled for", "lean kernels");
        command.SetAction(static _ => Run());
        return command;
    }

    private static int Run()
    {
        string[] targets = [.. DeviceKernels.All.SelectMany(k => k.Targets).Distinct().Order(StringComparer.Ordinal)];
        int width = DeviceKernels.All.Max(k => k.Entry.Length);
        Console.WriteLine($"{"kernel".PadRight(width)}  {string.Join("  ", targets)}  threads  shared");
        foreach (DeviceKernel kernel in DeviceKernels.All)
        {
            IEnumerable<string> columns = targets.Select(t => (kernel.Targets.Contains(t) ? "yes" : "-").PadRight(t.Length));
            Console.WriteLine($"{kernel.Entry.PadRight(width)}  {string.Join("  ", columns)}  {kernel.Threads,7}  {kernel.SharedBytes + kernel.DynamicBytes,6}");
        }

        return 0;
    }
}
