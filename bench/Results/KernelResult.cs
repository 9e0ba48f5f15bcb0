using System.Text.Json.Serialization;
using BenchmarkDotNet.Reports;
using Lean.Bench.Data;
using Lean.Bench.Kernels;

namespace Lean.Bench.Results;

/// <summary>One line of a result file.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Shape">Its shapes, for people.</param>
/// <param name="Rows">T, rows of a launch.</param>
/// <param name="MedianMicroseconds">Median over the iterations of an iteration's mean launch time.</param>
/// <param name="LowMicroseconds">The fastest iteration.</param>
/// <param name="HighMicroseconds">The slowest iteration.</param>
/// <param name="Iterations">N.</param>
/// <param name="Bytes">Bytes that a launch must move.</param>
/// <param name="Flops">Flops of a launch's formula.</param>
/// <param name="FromMemory">Whether most bytes come from memory, not from caches.</param>
/// <param name="ReadGigabytesPerSecond">The plain read right before and right after, median of four passes.</param>
/// <param name="Error">Relative error against f64 of the checked sample.</param>
/// <param name="OtherLoad">Processors that others kept busy meanwhile, in the mean; null where unknown.</param>
internal sealed record KernelResult(
    string Kernel, string Shape, int Rows, double MedianMicroseconds, double LowMicroseconds, double HighMicroseconds, int Iterations,
    double Bytes, double Flops, bool FromMemory, double ReadGigabytesPerSecond, double Error, double? OtherLoad)
{
    /// <summary>GB/s at the median.</summary>
    public double GigabytesPerSecond => Bytes / MedianMicroseconds / 1e3;

    /// <summary>GFLOP/s at the median.</summary>
    public double GigaflopsPerSecond => Flops / MedianMicroseconds / 1e3;

    /// <summary>The rate as a share of the plain read; null where the data lies in caches.</summary>
    public double? ShareOfRead => FromMemory ? GigabytesPerSecond / ReadGigabytesPerSecond : null;

    /// <summary>An asterisk where others kept more than a tenth of a processor busy meanwhile.</summary>
    [JsonIgnore]
    public string Mark => OtherLoad > Data.OtherLoad.Quiet ? "*" : "";

    /// <summary>The green and measured benchmarks of a summary.</summary>
    public static IEnumerable<KernelResult> Of(Summary summary)
    {
        foreach (BenchmarkReport report in summary.Reports)
        {
            if (report.Success && report.ResultStatistics is { } times && Suite.Of(report.BenchmarkCase) is Measured measured)
            {
                yield return new KernelResult(
                    measured.Kernel, measured.Shape, measured.Rows, times.Median / 1e3, times.Min / 1e3, times.Max / 1e3, times.N,
                    measured.Work.Bytes, measured.Work.Flops, measured.Work.FromMemory,
                    ReadBandwidth.MedianOf(measured.ReadRates) / 1e9, measured.Error, measured.OtherLoad);
            }
        }
    }
}
