using System.Text;
using System.Text.Json;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Lean.Engine.Text;

namespace Lean.Engine.Protocol;

/// <summary>Parts of answers that several APIs share.</summary>
internal static class AnswerWriter
{
    /// <summary>OpenAI's word for why a choice ended.</summary>
    public static string? FinishName(FinishReason finish, bool calls = false) => finish switch
    {
        FinishReason.None => null,
        FinishReason.Stop or FinishReason.StopString => calls ? "tool_calls" : "stop",
        FinishReason.Length => "length",
        FinishReason.Deadline => "length",
        FinishReason.Shutdown => "abort",
        FinishReason.Cancelled => "abort",
        _ => "error",
    };

    /// <summary>Writes usage under its name.</summary>
    public static void WriteUsage(Utf8JsonWriter json, in Usage usage)
    {
        json.WriteStartObject("usage"u8);
        json.WriteNumber("prompt_tokens"u8, usage.Prompt);
        json.WriteNumber("completion_tokens"u8, usage.Completion);
        json.WriteNumber("total_tokens"u8, usage.Prompt + usage.Completion);
        json.WriteStartObject("prompt_tokens_details"u8);
        json.WriteNumber("cached_tokens"u8, usage.Cached);
        json.WriteEndObject();
        if (usage.Drafted > 0)
        {
            json.WriteStartObject("completion_tokens_details"u8);
            WriteDrafts(json, usage);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    /// <summary>Writes how drafts did, under OpenAI's names, where there were any; those refused are not among the answer's tokens.</summary>
    public static void WriteDrafts(Utf8JsonWriter json, in Usage usage)
    {
        if (usage.Drafted == 0)
        {
            return;
        }

        json.WriteNumber("accepted_prediction_tokens"u8, usage.Accepted);
        json.WriteNumber("rejected_prediction_tokens"u8, usage.Drafted - usage.Accepted);
        json.WriteNumber("target_passes"u8, usage.Passes);
    }

    /// <summary>Writes tokens as an item each of chat/completions' logprobs.content.</summary>
    public static void WriteLogProbabilities(Utf8JsonWriter json, Tokenizer tokenizer, List<ChosenToken> tokens, List<ChosenToken> listed)
    {
        int each = tokens.Count == 0 ? 0 : listed.Count / tokens.Count;
        for (int i = 0; i < tokens.Count; i++)
        {
            json.WriteStartObject();
            WriteToken(json, tokenizer, tokens[i]);
            json.WriteStartArray("top_logprobs"u8);
            for (int k = 0; k < each; k++)
            {
                json.WriteStartObject();
                WriteToken(json, tokenizer, listed[(i * each) + k]);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }
    }

    /// <summary>The text of a token by itself.</summary>
    public static string TextOf(Tokenizer tokenizer, int token) => Encoding.UTF8.GetString(tokenizer.BytesOf(token));

    private static void WriteToken(Utf8JsonWriter json, Tokenizer tokenizer, ChosenToken token)
    {
        json.WriteString("token"u8, TextOf(tokenizer, token.Id));
        json.WriteNumber("logprob"u8, token.LogProbability);
        json.WriteStartArray("bytes"u8);
        foreach (byte value in tokenizer.BytesOf(token.Id))
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }
}
