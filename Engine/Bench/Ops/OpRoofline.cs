using Lean.Engine.Bench.Charts;

namespace Lean.Engine.Bench.Ops;

/// <summary>The roofline chart of a run: each op's rate over its arithmetic intensity, below what was measured in the same run.</summary>
internal static class OpRoofline
{
    private const double Tera = 1e12, Micro = 1e6;

    /// <summary>The figures that there are, of ops that compute anything.</summary>
    public static RooflineChart Of(OpRun run, IReadOnlyList<OpFigure> figures)
    {
        OpFigure[] measured = [.. figures.Where(static f => f.Seconds is not null && f.Work is { Flops: > 0, Bytes: > 0 })];
        Ceilings c = run.Ceilings;
        List<Roof> roofs = [new Roof($"f32 multiply-adds from registers, {OpTable.Number(c.Flops / Tera)} TFLOP/s", c.Flops)];

        // Matrix units go beyond that; no loop here is a measure of them, so the best op is one.
        if (measured.MaxBy(static f => f.Flops) is { } best && best.Flops > c.Flops)
        {
            roofs.Add(new Roof($"the fastest op of the run, {best.Name}, {OpTable.Number(best.Flops.Value / Tera)} TFLOP/s", best.Flops.Value));
        }

        return new RooflineChart(
            $"Kernels at the shapes of {string.Join(" and ", run.Models)}: rate over intensity",
            [
                run.Device,
                $"memory {OpTable.Number(c.Memory / 1e9)} GB/s, the better of a read and a copy in the same run; points of an op follow its rows",
                .. run.Quick ? (string[])["small shapes, short repeats: these figures say nothing about speed"] : [],
            ],
            c.Memory,
            roofs,
            [
                .. measured.GroupBy(static f => (f.Name, f.Shape)).Select(op => new RooflineSeries(
                    measured.All(f => f.Name != op.Key.Name || f.Shape == op.Key.Shape) ? op.Key.Name : $"{op.Key.Name}, {op.Key.Shape}", [.. op.OrderBy(static f => f.Rows).Select(f => Point(f, c))])),
            ]);
    }

    private static RooflinePoint Point(OpFigure figure, Ceilings ceilings) => new(
        figure.Work.Flops / figure.Work.Bytes, figure.Flops!.Value,
        $"{figure.Name}, {figure.Rows} rows: {OpTable.Number(figure.Seconds!.Value.Median * Micro)} µs, {OpTable.Number(figure.Flops.Value / Tera)} TFLOP/s, {figure.Share(ceilings):P0} of the ceiling");
}
