using Lean.Bench.Results;
using Lean.Engine.Bench.Charts;

namespace Lean.Bench.Charts;

/// <summary>The chart of a kernel run: share of the machine's read rate on the left, GFLOP/s on the right.</summary>
internal static class KernelChart
{
    public static BarChart Of(SuiteRun run)
    {
        double share = run.Kernels.Max(static k => k.ShareOfRead ?? 0), flops = run.Kernels.Max(static k => k.GigaflopsPerSecond);
        BarGroup[] groups =
        [
            .. run.Kernels.GroupBy(static k => k.Kernel).Select(kernel => new BarGroup(
                kernel.Key, kernel.First().Shape, [.. kernel.OrderBy(static k => k.Rows).Select(BarOf)])),
        ];
        return new BarChart(
            "CPU kernels at the shapes of Qwen3.5-35B-A3B, bf16 weights",
            [
                $"{run.Device}; {run.InstructionSet}, {run.Threads} threads; plain read {run.ReadGigabytesPerSecond:F1} GB/s ({run.ReadLow:F1}–{run.ReadHigh:F1})",
                $"{run.Date}; {run.OtherLoad()}",
                .. run.Note is null ? Array.Empty<string>() : [run.Note],
            ],
            [
                new BarPanel($"bytes that must move: share of the plain read (GB/s)", Math.Max(1.1, share), Mark: 1),
                new BarPanel("GFLOP/s of the formula", flops),
            ],
            groups);
    }

    private static Bar BarOf(KernelResult result) => new(
        $"{result.Rows} row{(result.Rows == 1 ? "" : "s")}",
        [
            result.ShareOfRead is double s ? new BarValue(s, $"{s:P0} · {result.GigabytesPerSecond:F1}{result.Mark}") : new BarValue(null, "data in caches"),
            new BarValue(result.GigaflopsPerSecond, $"{result.GigaflopsPerSecond:F1}{result.Mark}"),
        ]);
}
