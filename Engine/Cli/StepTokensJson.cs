using System.Text.Json;
using Lean.Engine.Caches;

namespace Lean.Engine.Cli;

/// <summary>How many rows steps aimed at, as every object with figures says it.</summary>
internal static class StepTokensJson
{
    /// <summary>Writes it: rows where nobody generates, rows where somebody does, and why so many.</summary>
    public static void WriteStepTokens(this Utf8JsonWriter json, in StepTokens steps)
    {
        json.WriteStartObject("step_tokens");
        json.WriteNumber("alone", steps.Alone);
        json.WriteNumber("beside", steps.Beside);
        json.WriteString("reason", steps.Reason);
        json.WriteEndObject();
    }
}
