using System.Text.Json;
using Lean.Engine.Serving;
using Lean.Engine.Text;

namespace Lean.Engine.Protocol;

/// <summary>Writes answers of /v1/completions; a chunk is an answer with a piece of one choice.</summary>
/// <param name="id">The answer's id.</param>
/// <param name="created">Unix time.</param>
/// <param name="model">The model's name.</param>
/// <param name="tokenizer">Its tokenizer.</param>
internal sealed class CompletionWriter(string id, long created, string model, Tokenizer tokenizer)
{
    /// <summary>Begins an answer.</summary>
    public void Begin(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, id);
        json.WriteString("object"u8, "text_completion"u8);
        json.WriteNumber("created"u8, created);
        json.WriteString("model"u8, model);
        json.WriteStartArray("choices"u8);
    }

    /// <summary>Writes a choice, or a piece of it.</summary>
    /// <param name="json">Receives it.</param>
    /// <param name="index">The choice.</param>
    /// <param name="text">Its text.</param>
    /// <param name="tokens">Tokens whose log-probabilities come with it, or null for none.</param>
    /// <param name="listed">The most likely tokens where each was chosen.</param>
    /// <param name="offset">Characters of the choice before its first token; moves on behind the last.</param>
    /// <param name="finish">Why it ended, or null.</param>
    public void Choice(
        Utf8JsonWriter json, int index, ReadOnlySpan<char> text, List<ChosenToken>? tokens, List<ChosenToken>? listed, ref int offset, string? finish)
    {
        json.WriteStartObject();
        json.WriteNumber("index"u8, index);
        json.WriteString("text"u8, text);
        if (tokens is null)
        {
            json.WriteNull("logprobs"u8);
        }
        else
        {
            LogProbabilities(json, tokens, listed!, ref offset);
        }

        if (finish is null)
        {
            json.WriteNull("finish_reason"u8);
        }
        else
        {
            json.WriteString("finish_reason"u8, finish);
        }

        json.WriteEndObject();
    }

    /// <summary>Ends an answer.</summary>
    public static void End(Utf8JsonWriter json, Usage? usage)
    {
        json.WriteEndArray();
        if (usage is { } used)
        {
            AnswerWriter.WriteUsage(json, used);
        }

        json.WriteEndObject();
    }

    private void LogProbabilities(Utf8JsonWriter json, List<ChosenToken> tokens, List<ChosenToken> listed, ref int offset)
    {
        int each = tokens.Count == 0 ? 0 : listed.Count / tokens.Count;
        json.WriteStartObject("logprobs"u8);
        json.WriteStartArray("tokens"u8);
        foreach (ChosenToken token in tokens)
        {
            json.WriteStringValue(AnswerWriter.TextOf(tokenizer, token.Id));
        }

        json.WriteEndArray();
        json.WriteStartArray("token_logprobs"u8);
        foreach (ChosenToken token in tokens)
        {
            json.WriteNumberValue(token.LogProbability);
        }

        json.WriteEndArray();
        json.WriteStartArray("top_logprobs"u8);
        for (int i = 0; i < tokens.Count; i++)
        {
            // Tokens may have one text, since parts of characters do; a JSON object says each name once.
            var names = new HashSet<string>();
            json.WriteStartObject();
            for (int k = 0; k < each; k++)
            {
                ChosenToken other = listed[(i * each) + k];
                string name = AnswerWriter.TextOf(tokenizer, other.Id);
                if (names.Add(name))
                {
                    json.WriteNumber(name, other.LogProbability);
                }
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("text_offset"u8);
        foreach (ChosenToken token in tokens)
        {
            json.WriteNumberValue(offset);
            offset += AnswerWriter.TextOf(tokenizer, token.Id).Length;
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
