namespace Lean.Engine.Bench.Charts;

/// <summary>Horizontal bars in groups; every bar has a value in each of the panels, which stand side by side.</summary>
/// <param name="Title">The first line.</param>
/// <param name="Subtitles">Smaller lines below it.</param>
/// <param name="Panels">The panels, left to right.</param>
/// <param name="Groups">The groups, top to bottom.</param>
internal sealed record BarChart(string Title, IReadOnlyList<string> Subtitles, IReadOnlyList<BarPanel> Panels, IReadOnlyList<BarGroup> Groups);

/// <summary>A panel's heading and scale.</summary>
/// <param name="Title">What the panel shows, with its unit.</param>
/// <param name="Full">The value of a bar of full length.</param>
/// <param name="Mark">A value to mark with a line, or null.</param>
internal sealed record BarPanel(string Title, double Full, double? Mark = null);

/// <summary>Bars under a common heading.</summary>
internal sealed record BarGroup(string Title, string Detail, IReadOnlyList<Bar> Bars);

/// <summary>A label and one value a panel.</summary>
internal sealed record Bar(string Label, IReadOnlyList<BarValue> Values);

/// <summary>A bar's length, null for none, and the text at its end.</summary>
internal sealed record BarValue(double? Value, string Text);
