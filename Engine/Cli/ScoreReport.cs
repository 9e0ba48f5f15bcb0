using Lean.Engine.Ranks;
using Lean.Engine.Scoring;

namespace Lean.Engine.Cli;

/// <summary>Prints what scoring a text gave.</summary>
internal sealed record ScoreReport
{
    /// <summary>What the text gave.</summary>
    public required ScoreResult Result { get; init; }

    /// <summary>Its tokens.</summary>
    public required int Tokens { get; init; }

    /// <summary>The file that tensors went to, or null.</summary>
    public required string? Output { get; init; }

    /// <summary>How long loading took.</summary>
    public required TimeSpan Loading { get; init; }

    /// <summary>How long a device's driver took for its kernels.</summary>
    public TimeSpan Kernels { get; init; }

    /// <summary>How long scoring took.</summary>
    public required TimeSpan Scoring { get; init; }

    /// <summary>What it ran on.</summary>
    public required string Device { get; init; }

    /// <summary>What several ranks held and did, or null where there was one.</summary>
    public ParallelScore? Ranks { get; init; }

    /// <summary>For people.</summary>
    public void PrintText()
    {
        Console.WriteLine($"mean_nll {Result.Mean:F6}\ntokens {Tokens}");
        Ranks?.Report.Print(Console.Out);
    }

    /// <summary>For programs.</summary>
    public void PrintJson() => JsonLine.Print(json =>
    {
        json.WriteStartObject();
        json.Figure("mean_nll", Result.Mean, decimals: 9);
        json.WriteNumber("tokens", Tokens);
        json.WriteString("logits", Output);
        json.WriteStartObject("timings");
        json.Figure("load_s", Loading.TotalSeconds, decimals: 6);
        json.Figure("kernels_s", Kernels.TotalSeconds, decimals: 6);
        json.Figure("score_s", Scoring.TotalSeconds, decimals: 6);
        json.WriteEndObject();
        json.WriteString("device", Device);
        LayoutReport.Write(json, Ranks?.Report);
        json.WriteEndObject();
    });
}
