namespace Lean.Engine.Bench.Charts;

/// <summary>Rates over arithmetic intensity, both on logarithmic scales, below what memory and arithmetic allow.</summary>
/// <param name="Title">The first line.</param>
/// <param name="Subtitles">Smaller lines below it.</param>
/// <param name="Memory">Bytes a second.</param>
/// <param name="Roofs">Operations a second that arithmetic allows, with names.</param>
/// <param name="Series">The points.</param>
internal sealed record RooflineChart(string Title, IReadOnlyList<string> Subtitles, double Memory, IReadOnlyList<Roof> Roofs, IReadOnlyList<RooflineSeries> Series);

/// <summary>A horizontal line.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Rate">Operations a second.</param>
internal sealed record Roof(string Name, double Rate);

/// <summary>Points that are joined in their order.</summary>
internal sealed record RooflineSeries(string Name, IReadOnlyList<RooflinePoint> Points);

/// <summary>A point.</summary>
/// <param name="Intensity">Operations a byte.</param>
/// <param name="Rate">Operations a second.</param>
/// <param name="Text">What it says of itself where somebody points at it.</param>
internal sealed record RooflinePoint(double Intensity, double Rate, string Text);
