using System.Text.Json;
using Lean.Comm;

namespace Lean.Engine.Ranks;

/// <summary>What the ranks of a layout hold, and how many collectives rank 0 has carried out.</summary>
/// <param name="ModelBytes">Bytes of the whole model's weights, each tensor once.</param>
/// <param name="Ranks">By rank: bytes of weights, and how many of those are copies.</param>
/// <param name="Collectives">Collectives so far, by <see cref="CollectiveKind"/>.</param>
internal sealed record LayoutReport(long ModelBytes, IReadOnlyList<(long Bytes, long Copied)> Ranks, IReadOnlyList<int> Collectives)
{
    /// <summary>For people: a line per rank, and what of the model is there more than once.</summary>
    public void Print(TextWriter output)
    {
        long held = 0;
        for (int rank = 0; rank < Ranks.Count; rank++)
        {
            held += Ranks[rank].Bytes;
            output.WriteLine($"rank {rank}: {Ranks[rank].Bytes:N0} bytes of weights, {Ranks[rank].Copied:N0} of them copied");
        }

        output.WriteLine($"model: {ModelBytes:N0} bytes of weights; replicas on ranks: {held - ModelBytes:N0}");
    }

    /// <summary>For programs: ranks, collectives, and bytes by rank; of one rank, that there are no others.</summary>
    public static void Write(Utf8JsonWriter json, LayoutReport? report)
    {
        json.WriteNumber("ranks", report?.Ranks.Count ?? 1);
        json.WriteStartObject("collectives");
        for (int kind = 0; kind < (report?.Collectives.Count ?? 0); kind++)
        {
            if (report!.Collectives[kind] is var count and > 0)
            {
                json.WriteNumber(JsonNamingPolicy.SnakeCaseLower.ConvertName($"{(CollectiveKind)kind}"), count);
            }
        }

        json.WriteEndObject();
        if (report is null)
        {
            return;
        }

        json.WriteNumber("model_bytes", report.ModelBytes);
        json.WriteStartArray("rank_bytes");
        foreach ((long bytes, _) in report.Ranks)
        {
            json.WriteNumberValue(bytes);
        }

        json.WriteEndArray();
        json.WriteStartArray("copied_bytes");
        foreach ((_, long copied) in report.Ranks)
        {
            json.WriteNumberValue(copied);
        }

        json.WriteEndArray();
    }
}
