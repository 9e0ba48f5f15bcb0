using System.Text.Json;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Text;

namespace Lean.Engine.Protocol;

/// <summary>Writes answers of /v1/responses.</summary>
/// <param name="id">The response's id.</param>
/// <param name="created">Unix time.</param>
/// <param name="model">The model's name.</param>
/// <param name="tokenizer">Its tokenizer.</param>
/// <param name="request">The request.</param>
/// <param name="sampling">How tokens are chosen.</param>
internal sealed class ResponseWriter(string id, long created, string model, Tokenizer tokenizer, ResponseRequest request, SamplingParameters sampling)
{
    private int _events;

    /// <summary>The model's tokenizer.</summary>
    public Tokenizer Tokenizer => tokenizer;

    /// <summary>Begins an event: its type and number.</summary>
    public void Event(Utf8JsonWriter json, ReadOnlySpan<byte> type)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, type);
        json.WriteNumber("sequence_number"u8, _events++);
    }

    /// <summary>Begins an event about an item.</summary>
    public void Event(Utf8JsonWriter json, ReadOnlySpan<byte> type, ResponseItem item, bool ofPart)
    {
        Event(json, type);
        json.WriteNumber("output_index"u8, item.Index);
        if (!type.StartsWith("response.output_item"u8))
        {
            json.WriteString("item_id"u8, item.Id);
        }

        if (ofPart)
        {
            json.WriteNumber("content_index"u8, 0);
        }
    }

    /// <summary>Writes the response.</summary>
    /// <param name="json">Receives it.</param>
    /// <param name="items">What is in it.</param>
    /// <param name="finish">Why it ended; none where it has not.</param>
    /// <param name="usage">What it took, or null where it has not ended.</param>
    public void Response(Utf8JsonWriter json, IReadOnlyList<ResponseItem> items, FinishReason finish, Usage? usage)
    {
        bool isCut = finish is FinishReason.Length or FinishReason.Deadline;
        string status = finish == FinishReason.None ? "in_progress" : isCut ? "incomplete" : "completed";
        json.WriteStartObject();
        json.WriteString("id"u8, id);
        json.WriteString("object"u8, "response"u8);
        json.WriteNumber("created_at"u8, created);
        json.WriteString("status"u8, status);
        json.WriteNull("error"u8);
        if (isCut)
        {
            json.WriteStartObject("incomplete_details"u8);
            json.WriteString("reason"u8, "max_output_tokens"u8);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("incomplete_details"u8);
        }

        json.WriteString("model"u8, model);
        json.WriteStartArray("output"u8);
        for (int i = 0; i < items.Count; i++)
        {
            items[i].Write(json, isCut && i == items.Count - 1 ? "incomplete" : "completed", isEmpty: false, tokenizer);
        }

        json.WriteEndArray();
        Echo(json);
        Used(json, usage);
        json.WriteEndObject();
    }

    private void Echo(Utf8JsonWriter json)
    {
        Echo(json, "instructions", static j => j.WriteNullValue());
        Echo(json, "max_output_tokens", static j => j.WriteNullValue());
        Echo(json, "metadata", static j => j.WriteRawValue("{}"u8));
        Echo(json, "reasoning", static j => j.WriteRawValue("""{"effort":null,"summary":null}"""u8));
        Echo(json, "text", static j => j.WriteRawValue("""{"format":{"type":"text"}}"""u8));
        Echo(json, "tool_choice", static j => j.WriteStringValue("auto"u8));
        Echo(json, "tools", static j => j.WriteRawValue("[]"u8));
        Echo(json, "user", static j => j.WriteNullValue());
        json.WriteBoolean("parallel_tool_calls"u8, true);
        json.WriteNull("previous_response_id"u8);
        json.WriteBoolean("store"u8, false);
        json.WriteNumber("temperature"u8, sampling.Temperature);
        json.WriteNumber("top_p"u8, sampling.TopP);
        json.WriteString("truncation"u8, "disabled"u8);
    }

    private void Echo(Utf8JsonWriter json, string name, Action<Utf8JsonWriter> usual)
    {
        json.WritePropertyName(name);
        if (request.Echoed.TryGetValue(name, out JsonElement value))
        {
            value.WriteTo(json);
        }
        else
        {
            usual(json);
        }
    }

    private static void Used(Utf8JsonWriter json, Usage? usage)
    {
        if (usage is not { } used)
        {
            json.WriteNull("usage"u8);
            return;
        }

        json.WriteStartObject("usage"u8);
        json.WriteNumber("input_tokens"u8, used.Prompt);
        json.WriteStartObject("input_tokens_details"u8);
        json.WriteNumber("cached_tokens"u8, used.Cached);
        json.WriteEndObject();
        json.WriteNumber("output_tokens"u8, used.Completion);
        json.WriteStartObject("output_tokens_details"u8);
        json.WriteNumber("reasoning_tokens"u8, used.Reasoning);
        AnswerWriter.WriteDrafts(json, used);
        json.WriteEndObject();
        json.WriteNumber("total_tokens"u8, used.Prompt + used.Completion);
        json.WriteEndObject();
    }
}
