using System.Runtime.InteropServices;
using Lean.Bench.Data;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Bench.Results;

/// <summary>A run of the suite: what ran where, and what came.</summary>
/// <param name="Device">The processor as the system names it, its cores and vectors.</param>
/// <param name="InstructionSet">The kernels' instruction set.</param>
/// <param name="Threads">Threads of every kernel and of the plain read.</param>
/// <param name="MemoryGigabytes">The machine's memory.</param>
/// <param name="System">Operating system and runtime.</param>
/// <param name="Command">How to run it again.</param>
/// <param name="Date">The day.</param>
/// <param name="Note">What else was running on the machine.</param>
/// <param name="ReadGigabytesPerSecond">Median rate of a plain read of 1.6 GB by all threads, made around every benchmark.</param>
/// <param name="ReadLow">The slowest of those reads.</param>
/// <param name="ReadHigh">The fastest.</param>
/// <param name="Kernels">The benchmarks.</param>
internal sealed record SuiteRun(
    string Device, string InstructionSet, int Threads, double MemoryGigabytes, string System, string Command, string Date, string? Note,
    double ReadGigabytesPerSecond, double ReadLow, double ReadHigh, IReadOnlyList<KernelResult> Kernels)
{
    /// <summary>Processors that others kept busy: median and maximum over the benchmarks.</summary>
    public string OtherLoad()
    {
        double[] loads = [.. Kernels.Select(static k => k.OtherLoad ?? double.NaN).Order()];
        return double.IsNaN(loads[0]) ? "others' load unknown" : $"others kept {loads[loads.Length / 2]:F2} processors busy (median; {loads[^1]:F2} at most; * more than {Data.OtherLoad.Quiet})";
    }

    /// <summary>Describes the run that ends now.</summary>
    public static SuiteRun Now(IReadOnlyList<KernelResult> kernels, string command, string? note)
    {
        using CpuBackend backend = CpuBackends.Open();
        var device = new CpuDevice();
        IReadOnlyList<double> reads = ReadBandwidth.Rates;
        return new SuiteRun(
            device.Description, backend.InstructionSet, backend.Threads, Math.Round(device.TotalMemory / 1e9, 1),
            $"{RuntimeInformation.OSDescription.Trim()}, {RuntimeInformation.FrameworkDescription}", command.Trim(), $"{DateTime.UtcNow:yyyy-MM-dd}", note,
            ReadBandwidth.Median / 1e9, reads[0] / 1e9, reads[^1] / 1e9, kernels);
    }

    /// <summary>The device as a file name.</summary>
    public string FileName()
    {
        string model = Device.Split(',')[0];
        string plain = string.Concat(model.Select(static c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-'));
        return $"{string.Join('-', plain.Split('-', StringSplitOptions.RemoveEmptyEntries))}-{InstructionSet}-{Threads}-threads";
    }
}
