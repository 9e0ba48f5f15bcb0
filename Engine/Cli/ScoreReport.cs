using System.Text.Json;
using Lean.Comm;
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
        if (Ranks is null)
        {
            return;
        }

        for (int rank = 0; rank < Ranks.Ranks.Length; rank++)
        {
            Console.WriteLine($"rank {rank}: {Ranks.Ranks[rank].WeightBytes:N0} bytes of weights, {Ranks.Ranks[rank].CopiedBytes:N0} of them copied");
        }

        Console.WriteLine($"model: {Ranks.ModelBytes:N0} bytes of weights; replicas on ranks: {Held - Ranks.ModelBytes:N0}");
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
        json.WriteNumber("ranks", Ranks?.Ranks.Length ?? 1);
        WriteRanks(json);
        json.WriteEndObject();
    });

    private long Held
    {
        get
        {
            long sum = 0;
            foreach (RankUse rank in Ranks!.Ranks)
            {
                sum += rank.WeightBytes;
            }

            return sum;
        }
    }

    private void WriteRanks(Utf8JsonWriter json)
    {
        json.WriteStartObject("collectives");
        for (int kind = 0; kind < (Ranks?.Ranks[0].Collectives.Length ?? 0); kind++)
        {
            if (Ranks!.Ranks[0].Collectives[kind] is var count and > 0)
            {
                json.WriteNumber(JsonNamingPolicy.SnakeCaseLower.ConvertName($"{(CollectiveKind)kind}"), count);
            }
        }

        json.WriteEndObject();
        if (Ranks is null)
        {
            return;
        }

        json.WriteNumber("model_bytes", Ranks.ModelBytes);
        json.WriteStartArray("rank_bytes");
        foreach (RankUse rank in Ranks.Ranks)
        {
            json.WriteNumberValue(rank.WeightBytes);
        }

        json.WriteEndArray();
        json.WriteStartArray("copied_bytes");
        foreach (RankUse rank in Ranks.Ranks)
        {
            json.WriteNumberValue(rank.CopiedBytes);
        }

        json.WriteEndArray();
    }
}
