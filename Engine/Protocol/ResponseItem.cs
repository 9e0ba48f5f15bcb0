using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lean.Engine.Chat.Answers;
using Lean.Engine.Serving;
using Lean.Engine.Text;

namespace Lean.Engine.Protocol;

/// <summary>A part of a response: a message, thoughts, or a call.</summary>
/// <param name="kind">Content, Reasoning or CallBegin.</param>
/// <param name="index">Its place in the response.</param>
/// <param name="name">The function it calls, if any.</param>
internal sealed class ResponseItem(AnswerPartKind kind, int index, string name)
{
    private readonly string _callId = kind == AnswerPartKind.CallBegin ? ChatCall.NewId() : "";

    /// <summary>What it is.</summary>
    public AnswerPartKind Kind => kind;

    /// <summary>Its place in the response.</summary>
    public int Index => index;

    /// <summary>Its id.</summary>
    public string Id { get; } = Prefix(kind) + RandomNumberGenerator.GetHexString(24, lowercase: true);

    /// <summary>Its text, or a call's arguments.</summary>
    public StringBuilder Text { get; } = new();

    /// <summary>The tokens of a message whose log-probabilities are wanted.</summary>
    public List<ChosenToken> Tokens { get; } = [];

    /// <summary>The most likely tokens where each was chosen.</summary>
    public List<ChosenToken> Listed { get; } = [];

    /// <summary>Writes it.</summary>
    /// <param name="json">Receives it.</param>
    /// <param name="status">completed, incomplete or in_progress.</param>
    /// <param name="isEmpty">Whether it is only announced.</param>
    /// <param name="tokenizer">The model's.</param>
    public void Write(Utf8JsonWriter json, string status, bool isEmpty, Tokenizer tokenizer)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, Id);
        switch (kind)
        {
            case AnswerPartKind.Reasoning:
                json.WriteString("type"u8, "reasoning"u8);
                json.WriteStartArray("summary"u8);
                json.WriteEndArray();
                break;
            case AnswerPartKind.CallBegin:
                json.WriteString("type"u8, "function_call"u8);
                json.WriteString("call_id"u8, _callId);
                json.WriteString("name"u8, name);
                json.WriteString("arguments"u8, isEmpty ? "" : Text.ToString());
                break;
            default:
                json.WriteString("type"u8, "message"u8);
                json.WriteString("role"u8, "assistant"u8);
                break;
        }

        json.WriteString("status"u8, status);
        if (kind != AnswerPartKind.CallBegin)
        {
            json.WriteStartArray("content"u8);
            if (!isEmpty)
            {
                WritePart(json, isEmpty: false, tokenizer);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    /// <summary>Writes its only part.</summary>
    public void WritePart(Utf8JsonWriter json, bool isEmpty, Tokenizer tokenizer)
    {
        json.WriteStartObject();
        if (kind == AnswerPartKind.Reasoning)
        {
            json.WriteString("type"u8, "reasoning_text"u8);
            json.WriteString("text"u8, isEmpty ? "" : Text.ToString());
        }
        else
        {
            json.WriteString("type"u8, "output_text"u8);
            json.WriteString("text"u8, isEmpty ? "" : Text.ToString());
            json.WriteStartArray("annotations"u8);
            json.WriteEndArray();
            json.WriteStartArray("logprobs"u8);
            if (!isEmpty)
            {
                AnswerWriter.WriteLogProbabilities(json, tokenizer, Tokens, Listed);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static string Prefix(AnswerPartKind kind) => kind switch
    {
        AnswerPartKind.Reasoning => "rs_",
        AnswerPartKind.CallBegin => "fc_",
        _ => "msg_",
    };
}
