using System.Text;

namespace Lean.Bench.Results;

/// <summary>A run as a short markdown table: kernels down, rows across.</summary>
internal static class ResultTable
{
    public static string Write(SuiteRun run)
    {
        int[] rows = [.. run.Kernels.Select(static k => k.Rows).Distinct().Order()];
        var text = new StringBuilder();
        text.Append($"# CPU kernels, Qwen3.5-35B-A3B shapes, bf16 weights\n\n");
        text.Append($"{run.Device}; {run.InstructionSet}, {run.Threads} threads; {run.MemoryGigabytes:F0} GB; {run.System}; {run.Date}.\n");
        text.Append($"Plain read by all threads: {run.ReadGigabytesPerSecond:F1} GB/s (median over the run; {run.ReadLow:F1}–{run.ReadHigh:F1}); {run.OtherLoad()}.\n");
        text.Append($"`{run.Command}`\n");
        if (run.Note is not null)
        {
            text.Append($"Note: {run.Note}\n");
        }

        text.Append("\nEach cell: median µs · share of the plain read right before and after (– in caches) · GFLOP/s. *: others were busy meanwhile.\n\n");
        text.Append("| kernel | shape |").Append(string.Concat(rows.Select(static r => $" {r} row{(r == 1 ? "" : "s")} |"))).Append('\n');
        text.Append("|---|---|").Append(string.Concat(rows.Select(static _ => "---|"))).Append('\n');
        foreach (IGrouping<string, KernelResult> kernel in run.Kernels.GroupBy(static k => k.Kernel))
        {
            text.Append($"| {kernel.Key} | {kernel.First().Shape} |");
            foreach (int r in rows)
            {
                text.Append($" {Cell(kernel.FirstOrDefault(k => k.Rows == r))} |");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    private static string Cell(KernelResult? result) => result is null
        ? ""
        : $"{Figure(result.MedianMicroseconds)} · {(result.ShareOfRead is double share ? $"{share:P0}" : "–")} · {Figure(result.GigaflopsPerSecond)}{result.Mark}";

    private static string Figure(double value) => value < 10 ? $"{value:F1}" : $"{value:N0}";
}
