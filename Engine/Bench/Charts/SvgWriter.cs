using System.Security;
using System.Text;

namespace Lean.Engine.Bench.Charts;

/// <summary>
/// Writes a chart as SVG without scripts, fonts or outside references. The background is the chart's own and follows the
/// reader's colour scheme, so that it is legible on any page; text is text.
/// </summary>
internal static class SvgWriter
{
    private const int Width = 960, Margin = 24, Labels = 76, Gap = 28, ValueRoom = 78;
    private const int LineHeight = 17, BarHeight = 11, GroupHead = 26;

    // Of 12 px text, so many characters are sure to fit into a line.
    private const int LineCharacters = 140;

    private const string Style = """
        <style>
        .back { fill: #ffffff } text { fill: #1f2328; font: 12px ui-sans-serif, system-ui, sans-serif }
        .title { font-size: 17px; font-weight: 600 } .soft { fill: #59636e } .group { font-weight: 600 }
        .track { fill: #eceff2 } .bar0 { fill: #1a7f64 } .bar1 { fill: #3b6fd4 } .mark { stroke: #59636e; stroke-dasharray: 3 3 }
        @media (prefers-color-scheme: dark) {
        .back { fill: #0d1117 } text { fill: #e6edf3 } .soft { fill: #9198a1 } .track { fill: #21262d }
        .bar0 { fill: #3fb68b } .bar1 { fill: #6c9cf5 } .mark { stroke: #9198a1 } }
        </style>

        """;

    public static string Write(BarChart chart)
    {
        string[] subtitles = [.. chart.Subtitles.SelectMany(Lines)];
        int head = Margin + 20 + (subtitles.Length * LineHeight) + 34;
        int height = head + chart.Groups.Sum(static g => GroupHead + (g.Bars.Count * LineHeight)) + Margin;
        int panelWidth = (Width - (2 * Margin) - Labels - ((chart.Panels.Count - 1) * Gap)) / chart.Panels.Count;
        var svg = new StringBuilder();
        svg.Append($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{height}\" viewBox=\"0 0 {Width} {height}\" role=\"img\" aria-label=\"{Escape(chart.Title)}\">\n");
        svg.Append(Style).Append($"<rect class=\"back\" width=\"{Width}\" height=\"{height}\" rx=\"8\"/>\n");
        Text(svg, Margin, Margin + 14, "title", chart.Title);
        for (int i = 0; i < subtitles.Length; i++)
        {
            Text(svg, Margin, Margin + 20 + ((i + 1) * LineHeight), "soft", subtitles[i]);
        }

        for (int p = 0; p < chart.Panels.Count; p++)
        {
            Text(svg, PanelLeft(p, panelWidth), head - 8, "group", chart.Panels[p].Title);
        }

        int y = head;
        foreach (BarGroup group in chart.Groups)
        {
            y += GroupHead;
            svg.Append($"<text x=\"{Margin}\" y=\"{y - 8}\"><tspan class=\"group\">{Escape(group.Title)}</tspan><tspan class=\"soft\" dx=\"8\">{Escape(group.Detail)}</tspan></text>\n");
            foreach (Bar bar in group.Bars)
            {
                Text(svg, Margin + Labels - 10, y + BarHeight - 1, "soft", bar.Label, anchor: "end");
                for (int p = 0; p < chart.Panels.Count; p++)
                {
                    Panel(svg, chart.Panels[p], p, bar.Values[p], PanelLeft(p, panelWidth), y, panelWidth - ValueRoom);
                }

                y += LineHeight;
            }
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static void Panel(StringBuilder svg, BarPanel panel, int index, BarValue value, int x, int y, int width)
    {
        if (value.Value is double v)
        {
            double scale = width / panel.Full, length = double.Clamp(v * scale, 1, width);
            svg.Append($"<rect class=\"track\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BarHeight}\" rx=\"2\"/>");
            svg.Append($"<rect class=\"bar{index % 2}\" x=\"{x}\" y=\"{y}\" width=\"{length:F1}\" height=\"{BarHeight}\" rx=\"2\"/>\n");
            if (panel.Mark is double mark && mark < panel.Full)
            {
                svg.Append($"<line class=\"mark\" x1=\"{x + (mark * scale):F1}\" x2=\"{x + (mark * scale):F1}\" y1=\"{y - 3}\" y2=\"{y + BarHeight + 3}\"/>\n");
            }
        }

        Text(svg, value.Value is null ? x : x + width + 8, y + BarHeight - 1, "soft", value.Text);
    }

    private static IEnumerable<string> Lines(string text)
    {
        while (text.Length > LineCharacters && text.LastIndexOf(' ', LineCharacters) is > 0 and int end)
        {
            yield return text[..end];
            text = text[(end + 1)..];
        }

        yield return text;
    }

    private static int PanelLeft(int panel, int panelWidth) => Margin + Labels + (panel * (panelWidth + Gap));

    private static void Text(StringBuilder svg, int x, int y, string style, string text, string anchor = "start") =>
        svg.Append($"<text class=\"{style}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{Escape(text)}</text>\n");

    private static string Escape(string text) => SecurityElement.Escape(text) ?? "";
}
