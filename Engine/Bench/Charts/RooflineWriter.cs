using System.Globalization;
using System.Security;
using System.Text;

namespace Lean.Engine.Bench.Charts;

/// <summary>Writes a roofline chart as SVG, like <see cref="SvgWriter"/>: no scripts, no outside references, both colour schemes.</summary>
internal static class RooflineWriter
{
    private const int Width = 1100, Margin = 24, Left = 92, Bottom = 52, PlotWidth = 600, PlotHeight = 460, LineHeight = 17, Hues = 360;

    // Neighbours in the legend get colours far apart.
    private const int HueStep = 137;

    private const string Style = """
        <style>
        .back { fill: #ffffff } text { fill: #1f2328; font: 12px ui-sans-serif, system-ui, sans-serif }
        .title { font-size: 17px; font-weight: 600 } .soft { fill: #59636e } .grid { stroke: #eceff2 } .roof { stroke: #1f2328; stroke-width: 2; fill: none }
        .path { fill: none; stroke-opacity: 0.45 }
        @media (prefers-color-scheme: dark) {
        .back { fill: #0d1117 } text { fill: #e6edf3 } .soft { fill: #9198a1 } .grid { stroke: #21262d } .roof { stroke: #e6edf3 } }
        </style>

        """;

    /// <summary>Writes a chart. Points without operations or time have no place on it and must not be among its own.</summary>
    public static string Write(RooflineChart chart)
    {
        RooflinePoint[] points = [.. chart.Series.SelectMany(static s => s.Points)];
        double roof = chart.Roofs.Max(static r => r.Rate);
        var x = Axis.Around(points.Select(static p => p.Intensity).Append(roof / chart.Memory), PlotWidth);
        var y = Axis.Around(points.Select(static p => p.Rate).Append(roof), PlotHeight);
        int top = Margin + 20 + (chart.Subtitles.Count * LineHeight) + 20, height = int.Max(top + PlotHeight + Bottom, top + ((chart.Series.Count + 2) * LineHeight));
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{height}\" viewBox=\"0 0 {Width} {height}\" role=\"img\" aria-label=\"{Escape(chart.Title)}\">\n");
        svg.Append(Style).Append(CultureInfo.InvariantCulture, $"<rect class=\"back\" width=\"{Width}\" height=\"{height}\" rx=\"8\"/>\n");
        Text(svg, Margin, Margin + 14, "title", chart.Title);
        for (int i = 0; i < chart.Subtitles.Count; i++)
        {
            Text(svg, Margin, Margin + 20 + ((i + 1) * LineHeight), "soft", chart.Subtitles[i]);
        }

        Grid(svg, x, y, top);
        Roofs(svg, chart, x, y, top);
        for (int i = 0; i < chart.Series.Count; i++)
        {
            Series(svg, chart.Series[i], $"hsl({i * HueStep % Hues} 65% 45%)", x, y, top, top + 12 + (i * LineHeight));
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static void Grid(StringBuilder svg, Axis x, Axis y, int top)
    {
        foreach (double value in x.Decades())
        {
            Line(svg, "grid", Left + x.Place(value), top, Left + x.Place(value), top + PlotHeight);
            Text(svg, Left + x.Place(value), top + PlotHeight + 16, "soft", Number(value), "middle");
        }

        foreach (double value in y.Decades())
        {
            double at = top + PlotHeight - y.Place(value);
            Line(svg, "grid", Left, at, Left + PlotWidth, at);
            Text(svg, Left - 8, at + 4, "soft", Rate(value), "end");
        }

        Text(svg, Left + (PlotWidth / 2), top + PlotHeight + 36, "soft", "operations of the formula for each byte that must move", "middle");
    }

    private static void Roofs(StringBuilder svg, RooflineChart chart, Axis x, Axis y, int top)
    {
        double highest = chart.Roofs.Max(static r => r.Rate);
        double begin = double.Max(x.Least, y.Least / chart.Memory), end = double.Min(x.Most, highest / chart.Memory);
        Line(svg, "roof", Left + x.Place(begin), top + PlotHeight - y.Place(begin * chart.Memory), Left + x.Place(end), top + PlotHeight - y.Place(end * chart.Memory));
        foreach (Roof roof in chart.Roofs)
        {
            double at = top + PlotHeight - y.Place(roof.Rate);
            Line(svg, "roof", Left + x.Place(double.Max(x.Least, roof.Rate / chart.Memory)), at, Left + PlotWidth, at);
            Text(svg, Left + PlotWidth - 4, at - 5, "soft", roof.Name, "end");
        }
    }

    private static void Series(StringBuilder svg, RooflineSeries series, string colour, Axis x, Axis y, int top, int legend)
    {
        string path = string.Join(' ', series.Points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{Left + x.Place(p.Intensity):F1},{top + PlotHeight - y.Place(p.Rate):F1}")));
        svg.Append(CultureInfo.InvariantCulture, $"<polyline class=\"path\" stroke=\"{colour}\" points=\"{path}\"/>\n");
        foreach (RooflinePoint p in series.Points)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<circle fill=\"{colour}\" cx=\"{Left + x.Place(p.Intensity):F1}\" cy=\"{top + PlotHeight - y.Place(p.Rate):F1}\" r=\"4\"><title>{Escape(p.Text)}</title></circle>\n");
        }

        int at = Left + PlotWidth + 20;
        svg.Append(CultureInfo.InvariantCulture, $"<circle fill=\"{colour}\" cx=\"{at}\" cy=\"{legend - 4}\" r=\"4\"/>\n");
        Text(svg, at + 10, legend, "soft", series.Name);
    }

    private static void Line(StringBuilder svg, string style, double x1, double y1, double x2, double y2) =>
        svg.Append(CultureInfo.InvariantCulture, $"<line class=\"{style}\" x1=\"{x1:F1}\" y1=\"{y1:F1}\" x2=\"{x2:F1}\" y2=\"{y2:F1}\"/>\n");

    private static void Text(StringBuilder svg, double x, double y, string style, string text, string anchor = "start") =>
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"{style}\" x=\"{x:F1}\" y=\"{y:F1}\" text-anchor=\"{anchor}\">{Escape(text)}</text>\n");

    private static string Rate(double value)
    {
        string[] units = ["FLOP/s", "kFLOP/s", "MFLOP/s", "GFLOP/s", "TFLOP/s"];
        int unit = int.Clamp((int)Math.Floor((Math.Log10(value) + 1e-9) / 3), 0, units.Length - 1);
        return $"{Number(value / Math.Pow(1000, unit))} {units[unit]}";
    }

    private static string Number(double value) => value.ToString("0.#######", CultureInfo.InvariantCulture);

    private static string Escape(string text) => SecurityElement.Escape(text) ?? "";

    /// <summary>A logarithmic scale over whole decades.</summary>
    /// <param name="Least">The value at 0.</param>
    /// <param name="Most">The value at its full length.</param>
    /// <param name="Length">Pixels.</param>
    private readonly record struct Axis(double Least, double Most, int Length)
    {
        private const double Ten = 10;

        public static Axis Around(IEnumerable<double> values, int length)
        {
            double[] all = [.. values];
            double least = Math.Floor(Math.Log10(all.Min())), most = Math.Ceiling(Math.Log10(all.Max()));
            return new Axis(Math.Pow(Ten, least), Math.Pow(Ten, double.Max(most, least + 1)), length);
        }

        public double Place(double value) => Length * (Math.Log10(value / Least) / Math.Log10(Most / Least));

        public IEnumerable<double> Decades()
        {
            int first = (int)Math.Round(Math.Log10(Least)), last = (int)Math.Round(Math.Log10(Most));
            return Enumerable.Range(first, last - first + 1).Select(static d => Math.Pow(Ten, d));
        }
    }
}
