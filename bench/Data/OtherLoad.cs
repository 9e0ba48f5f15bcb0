using System.Diagnostics;
using System.Globalization;

namespace Lean.Bench.Data;

/// <summary>
/// Processors that others kept busy during a benchmark, in the mean: all busy time of the machine, time taken by its
/// host included, less this process's own. A figure found beside much of it says little about the kernel.
/// </summary>
internal sealed class OtherLoad
{
    /// <summary>Busy processors up to which others count as quiet.</summary>
    public const double Quiet = 0.1;

    private const double TicksPerSecond = 100;

    private static TimeSpan _patience;

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly double? _others = Others();

    /// <summary>The mean since this object was made; null where the system does not tell.</summary>
    public double? Processors =>
        _others is double before && Others() is double now ? Math.Max(0, (now - before) / Stopwatch.GetElapsedTime(_start).TotalSeconds) : null;

    /// <summary>How long this run may wait in all for others to be quiet; which moments are measured then depends on them alone.</summary>
    public static void AllowWaiting(TimeSpan total) => _patience = total;

    /// <summary>Waits for two seconds in which others are quiet, as long as the run's patience lasts.</summary>
    public static void WaitForQuiet()
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan left = _patience;
        while (_patience > TimeSpan.Zero)
        {
            var window = new OtherLoad();
            Thread.Sleep(2000);
            _patience = left - Stopwatch.GetElapsedTime(start);
            if (window.Processors is not double load || load < Quiet)
            {
                return;
            }
        }
    }

    // Linux: cpu user nice system idle iowait irq softirq steal …, in hundredths of a second since boot.
    private static double? Others()
    {
        const string file = "/proc/stat";
        if (!File.Exists(file) || File.ReadLines(file).FirstOrDefault() is not string line)
        {
            return null;
        }

        string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        double busy = 0;
        foreach (int field in new[] { 1, 2, 3, 6, 7, 8 })
        {
            busy += double.Parse(fields[field], CultureInfo.InvariantCulture);
        }

        using var self = Process.GetCurrentProcess();
        return (busy / TicksPerSecond) - self.TotalProcessorTime.TotalSeconds;
    }
}
