using System.Text.Json;
using Lean.Engine.Running;

namespace Lean.Engine.Cli;

/// <summary>How drafts did, as JSON.</summary>
internal static class DraftJson
{
    /// <summary>Writes how many were drafted and accepted at each position, the first first, as far as there were any.</summary>
    public static void WriteDepths(this Utf8JsonWriter json, DraftStatistics drafts)
    {
        json.WriteStartArray("drafted_per_position");
        for (int depth = 1; depth <= PromptCheck.MostDrafts && drafts.Drafted(depth) > 0; depth++)
        {
            json.WriteNumberValue(drafts.Drafted(depth));
        }

        json.WriteEndArray();
        json.WriteStartArray("accepted_per_position");
        for (int depth = 1; depth <= PromptCheck.MostDrafts && drafts.Drafted(depth) > 0; depth++)
        {
            json.WriteNumberValue(drafts.Accepted(depth));
        }

        json.WriteEndArray();
    }
}
