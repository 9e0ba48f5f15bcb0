using Lean.Engine.Bench.Charts;

namespace Lean.Engine.Bench.Ops;

/// <summary>The chart of a run: share of the device's ceiling on the left, TFLOP/s on the right.</summary>
internal static class OpChart
{
    private const double Giga = 1e9, Tera = 1e12, Micro = 1e6;

    // What is longer fills its bar: tensor cores reach several times what plain multiply-adds do.
    private const double LongestShare = 1.2, LongestRatio = 2;

    /// <summary>The figures that there are.</summary>
    /// <param name="run">The run.</param>
    /// <param name="figures">Its figures.</param>
    /// <param name="peers">Whose times are put beside them in a panel of their own, or null.</param>
    public static BarChart Of(OpRun run, IReadOnlyList<OpFigure> figures, PeerSet? peers = null)
    {
        OpFigure[] measured = [.. figures.Where(static f => f.Seconds is not null)];
        double flops = measured.Select(static f => f.Flops ?? 0).Append(1).Max();
        Ceilings c = run.Ceilings;
        IReadOnlyList<PeerFigure> beside = peers?.Beside(figures) ?? [];
        return new BarChart(
            $"Kernels at the shapes of {string.Join(" and ", run.Models)}, bf16 weights",
            [
                run.Device,
                $"measured in the same run: read {c.Read / Giga:F1} GB/s, copy {c.Copy / Giga:F1} GB/s, f32 multiply-adds {c.Flops / Tera:F2} TFLOP/s",
                "share: the least time that these allow / the median, whose µs stand behind it",
                .. peers is null ? (string[])[] : [$"peers on {peers.Device}: {peers.Source}"],
                .. run.Quick ? (string[])["small shapes, short repeats: these figures say nothing about speed"] : [],
            ],
            [new BarPanel("share of the ceiling · µs", LongestShare, Mark: 1), new BarPanel("TFLOP/s of the formula", flops / Tera),
                .. peers is null ? (BarPanel[])[] : [new BarPanel("of the best peer's time · its µs", LongestRatio, Mark: 1)]],
            [
                .. measured.GroupBy(static f => (f.Name, f.Shape)).Select(op => new BarGroup(
                    op.Key.Name, op.Key.Shape, [.. op.Select(f => new Bar(
                        $"{f.Rows} row{(f.Rows == 1 ? "" : "s")}",
                        [
                            new BarValue(f.Share(c), $"{f.Share(c):P0} · {OpTable.Number(f.Seconds!.Value.Median * Micro)}"),
                            f.Work.Flops > 0 ? new BarValue(f.Flops / Tera, OpTable.Number(f.Flops!.Value / Tera)) : new BarValue(null, "moves data only"),
                            .. peers is null ? (BarValue[])[] : [Beside(beside, f)],
                        ]))])),
            ]);
    }

    // Of an op alone: times of several together have no bar here.
    private static BarValue Beside(IReadOnlyList<PeerFigure> peers, OpFigure figure)
    {
        PeerFigure? best = peers.Where(p => p.Entry.Ops.Count == 1 && p.Entry.Matches(figure)).MinBy(static p => p.Entry.Seconds);
        return best is null ? new BarValue(null, "") : new BarValue(best.Ratio, $"{OpTable.Number(best.Ratio)} · {OpTable.Number(best.Entry.Seconds * Micro)}");
    }
}
