using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using Lean.Bench.Data;
using Lean.Engine.Bench.Ops;

namespace Lean.Bench.Kernels;

/// <summary>A column computed from a benchmark's median time and its <see cref="Work"/>.</summary>
internal sealed class RateColumn(string name, string legend, Func<Measured, double, string> text) : IColumn
{
    /// <summary>GB/s, the share of the machine's read rate, GFLOP/s, and what others did.</summary>
    public static IColumn[] All { get; } =
    [
        new RateColumn("GB/s", "Bytes that must move / median, 10^9", (m, seconds) => $"{m.Work.Bytes / seconds / 1e9:F1}"),
        new RateColumn("of read", "GB/s / the plain read's rate right before and after; - where the data lies in caches", (m, seconds) =>
            m.Work.FromMemory ? $"{m.Work.Bytes / seconds / ReadBandwidth.MedianOf(m.ReadRates):P0}" : "-"),
        new RateColumn("GFLOP/s", "Flops of the formula / median, 10^9", (m, seconds) => $"{m.Work.Flops / seconds / 1e9:F1}"),
        new RateColumn("others", "Processors that others kept busy meanwhile, in the mean", (m, seconds) => m.OtherLoad is double load ? $"{load:F2}" : "?"),
    ];

    public string Id => nameof(RateColumn) + name;

    public string ColumnName => name;

    public string Legend => legend;

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Metric;

    public int PriorityInCategory => -1;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) =>
        summary[benchmarkCase]?.ResultStatistics is { } times && Suite.Of(benchmarkCase) is Measured measured
            ? text(measured, times.Median / 1e9)
            : "NA";

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);
}
