namespace Lean.Engine.Protocol;

/// <summary>Finds the field that a sentence is about.</summary>
internal static class ErrorField
{
    private static readonly HashSet<string> Fields =
        ["max_tokens", "min_tokens", "logit_bias", "stop_token_ids", "stop", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "logprobs", "seed", "priority"];

    /// <summary>The field that the engine's sentence begins with, or null.</summary>
    public static string? Of(string message)
    {
        int end = message.IndexOf(' ', StringComparison.Ordinal);
        return end > 0 && Fields.Contains(message[..end]) ? message[..end] : null;
    }
}
