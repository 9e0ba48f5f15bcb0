using Lean.Engine.Bench.Charts;

namespace Lean.Engine.Bench.Ops;

/// <summary>The chart of a run: share of the device's ceiling on the left, TFLOP/s on the right.</summary>
internal static class OpChart
{
    private const double Giga = 1e9, Tera = 1e12, Micro = 1e6;

    /// <summary>The figures that there are.</summary>
    public static BarChart Of(OpRun run, IReadOnlyList<OpFigure> figures)
    {
        OpFigure[] measured = [.. figures.Where(static f => f.Seconds is not null)];
        double share = measured.Select(f => f.Share(run.Ceilings) ?? 0).Append(1.1).Max(), flops = measured.Select(static f => f.Flops ?? 0).Append(1).Max();
        Ceilings c = run.Ceilings;
        return new BarChart(
            $"Kernels at the shapes of {string.Join(" and ", run.Models)}, bf16 weights",
            [
                run.Device,
                $"measured in the same run: read {c.Read / Giga:F1} GB/s, copy {c.Copy / Giga:F1} GB/s, f32 multiply-adds {c.Flops / Tera:F2} TFLOP/s",
                .. run.Quick ? (string[])["small shapes, short repeats: these figures say nothing about speed"] : [],
            ],
            [new BarPanel("least time that the ceilings allow / median (µs)", share, Mark: 1), new BarPanel("TFLOP/s of the formula", flops / Tera)],
            [
                .. measured.GroupBy(static f => (f.Name, f.Shape)).Select(op => new BarGroup(
                    op.Key.Name, op.Key.Shape, [.. op.Select(f => new Bar(
                        $"{f.Rows} row{(f.Rows == 1 ? "" : "s")}",
                        [
                            new BarValue(f.Share(c), $"{f.Share(c):P0} · {OpTable.Number(f.Seconds!.Value.Median * Micro)}"),
                            f.Work.Flops > 0 ? new BarValue(f.Flops / Tera, OpTable.Number(f.Flops!.Value / Tera)) : new BarValue(null, "moves data only"),
                        ]))])),
            ]);
    }
}
