using System.Collections.Immutable;
using System.Text.Json;
using Lean.Comm;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary><c>/ranks</c>: what each rank does, for people and for the page.</summary>
/// <param name="ranks">The ranks.</param>
internal sealed class RankEndpoint(IRankStatus ranks)
{
    /// <summary>Tells it.</summary>
    public Task Handle(HttpContext http) => JsonResponse.WriteAsync(http.Response, json =>
    {
        ImmutableArray<RankStatus> all = ranks.Ranks();
        json.WriteStartObject();
        json.WriteString("layout"u8, ranks.Layout.ToString());
        json.WriteString("transport"u8, ranks.Transport);
        json.WriteString("verdict"u8, ranks.Verdict);
        json.WriteStartArray("ranks"u8);
        foreach (RankStatus rank in all)
        {
            Write(json, rank, all);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });

    private void Write(Utf8JsonWriter json, RankStatus rank, ImmutableArray<RankStatus> all)
    {
        json.WriteStartObject();
        json.WriteNumber("rank"u8, rank.Rank);
        json.WriteNumber("tp"u8, ranks.Layout.TensorRank(rank.Rank));
        json.WriteNumber("dp"u8, ranks.Layout.DataRank(rank.Rank));
        json.WriteString("state"u8, rank.State switch
        {
            RankState.Answered => "up",
            RankState.Silent => "silent",
            RankState.Gone => "gone",
            RankState.Refused => "refused",
            _ => "never came",
        });
        if (rank.Last is { } last)
        {
            json.WriteNumber("step"u8, last.Step);
            json.WriteNumber("seq"u8, last.Seq);
            json.WriteString("collective"u8, last.Use);
            json.WriteBoolean("in_collective"u8, rank.IsInCollective);
            json.WriteNumber("since_s"u8, double.Round(rank.Since, 6));
        }

        json.WriteNumber("collectives"u8, rank.Latency.Count);
        json.WriteNumber("latency_s"u8, double.Round(rank.Latency.MeanSeconds, 9));
        json.WriteNumber("wait_s"u8, double.Round(rank.Waits.MeanSeconds, 9));
        json.WriteNumber("skew_s"u8, double.Round(rank.Skew(all), 9));
        json.WriteEndObject();
    }
}
