using System.Globalization;
using System.Xml.Linq;
using Lean.Engine.Bench.Charts;
using Lean.Engine.Bench.Ops;
using Lean.Kernels;

namespace Lean.Engine.Tests.Bench;

public sealed class RooflineTests
{
    [Fact]
    public void Points_lie_where_their_intensity_and_rate_say()
    {
        // Decades from 1 to 100 operations a byte, and from 10¹¹ to 10¹² operations a second.
        var run = new OpRun("a <card>", "cuda:0", ["m"], Quick: false, 3, 1, 1, KernelClock: true, new Ceilings(Read: 1e11, Copy: 9e10, Flops: 1e12, Bytes: 1), []);
        OpFigure[] figures = [Figure("op & op", 1, flops: 1e12, bytes: 1e11, seconds: 10), Figure("op & op", 64, flops: 1e14, bytes: 1e12, seconds: 100), Figure("moves", 1, flops: 0, bytes: 1, seconds: 1)];
        RooflineChart chart = OpRoofline.Of(run, figures);
        Assert.Equal([1e12], chart.Roofs.Select(static r => r.Rate));
        RooflineSeries series = Assert.Single(chart.Series);
        Assert.Equal([(10.0, 1e11), (100.0, 1e12)], series.Points.Select(static p => (p.Intensity, p.Rate)));

        XElement svg = XDocument.Parse(RooflineWriter.Write(chart)).Root!;
        XElement[] circles = [.. svg.Elements().Where(static e => e.Name.LocalName == "circle" && e.HasElements)];
        Assert.Equal(2, circles.Length);
        (double x, double y) Place(XElement e) => (Number(e, "cx"), Number(e, "cy"));
        Assert.Equal((600, -460), (Place(circles[1]).x - Place(circles[0]).x, Place(circles[1]).y - Place(circles[0]).y));

        // The roof is where the memory's rate and the intensity's product is: at 10 operations a byte it ends the slope.
        XElement roof = svg.Elements().First(static e => e.Attribute("class")?.Value == "roof");
        Assert.Equal(Place(circles[0]).x, Number(roof, "x2"), tolerance: 0.2);
        Assert.Equal(Place(circles[1]).y, Number(roof, "y2"), tolerance: 0.2);
        Assert.Contains("op & op, 64 rows", circles[1].Value, StringComparison.Ordinal);
        Assert.Contains("a <card>", svg.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void What_goes_beyond_registers_is_a_roof_of_its_own_and_nothing_is_no_chart_without_one()
    {
        var run = new OpRun("a card", "cuda:0", ["m"], Quick: true, 3, 1, 1, KernelClock: true, new Ceilings(100, 100, 1000, 1), []);
        Assert.Equal([1000.0, 5000.0], OpRoofline.Of(run, [Figure("product", 64, 5000, 10, 1)]).Roofs.Select(static r => r.Rate));
        Assert.NotNull(XDocument.Parse(RooflineWriter.Write(OpRoofline.Of(run, []))).Root);
    }

    private static double Number(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);

    private static OpFigure Figure(string name, int rows, double flops, double bytes, double seconds) =>
        new OpFigure(name, "shape", ["m"], rows, RowClass.Generated, new Work(bytes, flops), null) with { Seconds = new Spread(seconds, seconds, seconds, 3) };
}
