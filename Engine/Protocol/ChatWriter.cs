using System.Text.Json;
using Lean.Engine.Chat.Answers;
using Lean.Engine.Serving;
using Lean.Engine.Text;

namespace Lean.Engine.Protocol;

/// <summary>Writes answers of /v1/chat/completions, whole or in chunks.</summary>
/// <param name="id">The answer's id.</param>
/// <param name="created">Unix time.</param>
/// <param name="model">The model's name.</param>
/// <param name="tokenizer">Its tokenizer.</param>
internal sealed class ChatWriter(string id, long created, string model, Tokenizer tokenizer)
{
    /// <summary>Writes the chunk that begins a choice.</summary>
    public void Begin(Utf8JsonWriter json, int index)
    {
        Chunk(json);
        json.WriteStartArray("choices"u8);
        json.WriteStartObject();
        json.WriteNumber("index"u8, index);
        json.WriteStartObject("delta"u8);
        json.WriteString("role"u8, "assistant"u8);
        json.WriteString("content"u8, ""u8);
        json.WriteEndObject();
        json.WriteNull("logprobs"u8);
        json.WriteNull("finish_reason"u8);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Writes a chunk of a choice.</summary>
    /// <param name="json">Receives it.</param>
    /// <param name="index">The choice.</param>
    /// <param name="part">A piece of the answer, or null for none.</param>
    /// <param name="tokens">Tokens whose log-probabilities come with it, or null for none.</param>
    /// <param name="listed">The most likely tokens where each was chosen.</param>
    /// <param name="finish">Why the choice ended, or null.</param>
    /// <param name="usage">The usage so far, or null for none.</param>
    public void Piece(
        Utf8JsonWriter json, int index, AnswerPart? part, List<ChosenToken>? tokens, List<ChosenToken>? listed, string? finish, Usage? usage)
    {
        Chunk(json);
        json.WriteStartArray("choices"u8);
        json.WriteStartObject();
        json.WriteNumber("index"u8, index);
        json.WriteStartObject("delta"u8);
        if (part is { } given)
        {
            Delta(json, given);
        }

        json.WriteEndObject();
        LogProbabilities(json, tokens, listed);
        Finish(json, finish);
        json.WriteEndObject();
        json.WriteEndArray();
        if (usage is { } so)
        {
            AnswerWriter.WriteUsage(json, so);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes the chunk that tells the usage.</summary>
    public void UsageOnly(Utf8JsonWriter json, in Usage usage)
    {
        Chunk(json);
        json.WriteStartArray("choices"u8);
        json.WriteEndArray();
        AnswerWriter.WriteUsage(json, usage);
        json.WriteEndObject();
    }

    /// <summary>Writes a whole answer.</summary>
    public void Whole(Utf8JsonWriter json, IReadOnlyList<ChatChoice> choices, in Usage usage)
    {
        Head(json, "chat.completion"u8);
        json.WriteStartArray("choices"u8);
        for (int i = 0; i < choices.Count; i++)
        {
            ChatChoice choice = choices[i];
            json.WriteStartObject();
            json.WriteNumber("index"u8, i);
            json.WriteStartObject("message"u8);
            json.WriteString("role"u8, "assistant"u8);
            Message(json, choice);
            json.WriteEndObject();
            LogProbabilities(json, choice.Tokens, choice.Listed);
            Finish(json, AnswerWriter.FinishName(choice.Finish, choice.Calls.Count > 0));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        AnswerWriter.WriteUsage(json, usage);
        json.WriteEndObject();
    }

    private static void Message(Utf8JsonWriter json, ChatChoice choice)
    {
        if (choice.Content.Length == 0 && choice.Calls.Count > 0)
        {
            json.WriteNull("content"u8);
        }
        else
        {
            json.WriteString("content"u8, choice.Content.ToString());
        }

        json.WriteNull("refusal"u8);
        if (choice.Reasoning.Length > 0)
        {
            json.WriteString("reasoning_content"u8, choice.Reasoning.ToString());
        }

        if (choice.Calls.Count > 0)
        {
            json.WriteStartArray("tool_calls"u8);
            foreach (ChatCall call in choice.Calls)
            {
                json.WriteStartObject();
                json.WriteString("id"u8, call.Id);
                json.WriteString("type"u8, "function"u8);
                json.WriteStartObject("function"u8);
                json.WriteString("name"u8, call.Name);
                json.WriteString("arguments"u8, call.Arguments.ToString());
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
    }

    private static void Delta(Utf8JsonWriter json, AnswerPart part)
    {
        switch (part.Kind)
        {
            case AnswerPartKind.Content:
                json.WriteString("content"u8, part.Text);
                break;
            case AnswerPartKind.Reasoning:
                json.WriteString("reasoning_content"u8, part.Text);
                break;
            default:
                json.WriteStartArray("tool_calls"u8);
                json.WriteStartObject();
                json.WriteNumber("index"u8, part.Call);
                if (part.Kind == AnswerPartKind.CallBegin)
                {
                    json.WriteString("id"u8, ChatCall.NewId());
                    json.WriteString("type"u8, "function"u8);
                }

                json.WriteStartObject("function"u8);
                if (part.Kind == AnswerPartKind.CallBegin)
                {
                    json.WriteString("name"u8, part.Text);
                }

                json.WriteString("arguments"u8, part.Kind == AnswerPartKind.CallBegin ? "" : part.Text);
                json.WriteEndObject();
                json.WriteEndObject();
                json.WriteEndArray();
                break;
        }
    }

    private static void Finish(Utf8JsonWriter json, string? finish)
    {
        if (finish is null)
        {
            json.WriteNull("finish_reason"u8);
        }
        else
        {
            json.WriteString("finish_reason"u8, finish);
        }
    }

    private void LogProbabilities(Utf8JsonWriter json, List<ChosenToken>? tokens, List<ChosenToken>? listed)
    {
        if (tokens is null)
        {
            json.WriteNull("logprobs"u8);
            return;
        }

        json.WriteStartObject("logprobs"u8);
        json.WriteStartArray("content"u8);
        AnswerWriter.WriteLogProbabilities(json, tokenizer, tokens, listed!);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void Chunk(Utf8JsonWriter json) => Head(json, "chat.completion.chunk"u8);

    private void Head(Utf8JsonWriter json, ReadOnlySpan<byte> kind)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, id);
        json.WriteString("object"u8, kind);
        json.WriteNumber("created"u8, created);
        json.WriteString("model"u8, model);
    }
}
