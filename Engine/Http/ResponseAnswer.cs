using System.Text.Json;
using Lean.Engine.Chat.Answers;
using Lean.Engine.Protocol;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary>An answer of <c>/v1/responses</c> on its way.</summary>
internal sealed class ResponseAnswer(
    ServerState state, ResponseRequest request, Generation generation, AnswerParser parser, int promptTokens, ResponseWriter writer)
{
    private readonly List<AnswerPart> _parts = [];
    private readonly List<ResponseItem> _items = [];
    private FinishReason _finish;
    private ResponseItem? _open;
    private int _reasoning;
    private bool _begun;

    private Usage Usage => GenerationReader.Usage(generation, promptTokens) with { Reasoning = _reasoning };

    /// <summary>Sends it once it is whole.</summary>
    public async Task Whole(HttpContext http)
    {
        await new GenerationReader(state, generation).Read(http, (_, batch) => Take(batch, null));
        await JsonResponse.WriteAsync(http.Response, json => writer.Response(json, _items, _finish, Usage));
    }

    /// <summary>Sends it as it comes.</summary>
    public async Task Stream(HttpContext http)
    {
        using var events = new EventStream(http.Response);
        await new GenerationReader(state, generation).Stream(http, events, (_, batch) => Take(batch, events));
    }

    private void Take(TokenBatch batch, EventStream? events)
    {
        if (!_begun && events is not null)
        {
            Whole(events, "response.created"u8);
            Whole(events, "response.in_progress"u8);
        }

        _begun = true;
        _parts.Clear();
        parser.Append(batch.Text.WrittenSpan, _parts);
        if (batch.Finish != FinishReason.None)
        {
            parser.End(_parts);
        }

        bool counted = false;
        foreach (AnswerPart part in _parts)
        {
            Take(part, counted ? null : batch, events);
            counted = true;
        }

        if (!counted && _open is not null)
        {
            Count(_open, batch);
        }

        if (batch.Finish != FinishReason.None)
        {
            End(events, batch.Finish);
        }
    }

    private void Take(AnswerPart part, TokenBatch? batch, EventStream? events)
    {
        bool isCall = part.Kind is AnswerPartKind.CallBegin or AnswerPartKind.CallArguments or AnswerPartKind.CallEnd;
        AnswerPartKind kind = isCall ? AnswerPartKind.CallBegin : part.Kind;
        if (_open is null || _open.Kind != kind || part.Kind == AnswerPartKind.CallBegin)
        {
            Close(events, "completed");
            if (part.Kind == AnswerPartKind.CallEnd)
            {
                return;
            }

            Open(events, new ResponseItem(kind, _items.Count, part.Text));
        }

        if (batch is not null)
        {
            Count(_open!, batch);
        }

        if (part.Kind == AnswerPartKind.CallEnd)
        {
            Close(events, "completed");
        }
        else if (part.Kind != AnswerPartKind.CallBegin)
        {
            _open!.Text.Append(part.Text);
            Delta(events, _open, part.Text, batch);
        }
    }

    // Tokens belong to the item that is open when they are looked at; those of thoughts are counted.
    private void Count(ResponseItem item, TokenBatch batch)
    {
        _reasoning += item.Kind == AnswerPartKind.Reasoning ? batch.Tokens.Count : 0;
        if (request.LogProbabilities && item.Kind == AnswerPartKind.Content)
        {
            item.Tokens.AddRange(batch.Tokens);
            item.Listed.AddRange(batch.Listed);
        }
    }

    private void Open(EventStream? events, ResponseItem item)
    {
        _items.Add(item);
        _open = item;
        if (events is null)
        {
            return;
        }

        Utf8JsonWriter json = events.Begin("response.output_item.added"u8);
        writer.Event(json, "response.output_item.added"u8, item, ofPart: false);
        json.WritePropertyName("item"u8);
        item.Write(json, "in_progress", isEmpty: true, writer.Tokenizer);
        End(events, json);
        if (item.Kind != AnswerPartKind.CallBegin)
        {
            json = events.Begin("response.content_part.added"u8);
            writer.Event(json, "response.content_part.added"u8, item, ofPart: true);
            json.WritePropertyName("part"u8);
            item.WritePart(json, isEmpty: true, writer.Tokenizer);
            End(events, json);
        }
    }

    private void Delta(EventStream? events, ResponseItem item, string text, TokenBatch? batch)
    {
        if (events is null)
        {
            return;
        }

        ReadOnlySpan<byte> name = item.Kind switch
        {
            AnswerPartKind.Reasoning => "response.reasoning_text.delta"u8,
            AnswerPartKind.CallBegin => "response.function_call_arguments.delta"u8,
            _ => "response.output_text.delta"u8,
        };
        Utf8JsonWriter json = events.Begin(name);
        writer.Event(json, name, item, item.Kind != AnswerPartKind.CallBegin);
        json.WriteString("delta"u8, text);
        if (item.Kind == AnswerPartKind.Content)
        {
            json.WriteStartArray("logprobs"u8);
            if (request.LogProbabilities && batch is not null)
            {
                AnswerWriter.WriteLogProbabilities(json, writer.Tokenizer, batch.Tokens, batch.Listed);
            }

            json.WriteEndArray();
        }

        End(events, json);
    }

    private void Close(EventStream? events, string status)
    {
        if (_open is not { } item)
        {
            return;
        }

        _open = null;
        if (events is null)
        {
            return;
        }

        ReadOnlySpan<byte> name = item.Kind switch
        {
            AnswerPartKind.Reasoning => "response.reasoning_text.done"u8,
            AnswerPartKind.CallBegin => "response.function_call_arguments.done"u8,
            _ => "response.output_text.done"u8,
        };
        Utf8JsonWriter json = events.Begin(name);
        writer.Event(json, name, item, item.Kind != AnswerPartKind.CallBegin);
        json.WriteString(item.Kind == AnswerPartKind.CallBegin ? "arguments"u8 : "text"u8, item.Text.ToString());
        if (item.Kind == AnswerPartKind.Content)
        {
            json.WriteStartArray("logprobs"u8);
            json.WriteEndArray();
        }

        End(events, json);
        if (item.Kind != AnswerPartKind.CallBegin)
        {
            json = events.Begin("response.content_part.done"u8);
            writer.Event(json, "response.content_part.done"u8, item, ofPart: true);
            json.WritePropertyName("part"u8);
            item.WritePart(json, isEmpty: false, writer.Tokenizer);
            End(events, json);
        }

        json = events.Begin("response.output_item.done"u8);
        writer.Event(json, "response.output_item.done"u8, item, ofPart: false);
        json.WritePropertyName("item"u8);
        item.Write(json, status, isEmpty: false, writer.Tokenizer);
        End(events, json);
    }

    private void End(EventStream? events, FinishReason finish)
    {
        bool isCut = finish is FinishReason.Length or FinishReason.Deadline;
        Close(events, isCut ? "incomplete" : "completed");
        _finish = finish;
        if (events is not null)
        {
            Whole(events, isCut ? "response.incomplete"u8 : "response.completed"u8);
        }
    }

    private void Whole(EventStream events, ReadOnlySpan<byte> name)
    {
        Utf8JsonWriter json = events.Begin(name);
        writer.Event(json, name);
        json.WritePropertyName("response"u8);
        writer.Response(json, _items, _finish, _finish == FinishReason.None ? null : Usage);
        End(events, json);
    }

    private static void End(EventStream events, Utf8JsonWriter json)
    {
        json.WriteEndObject();
        events.End();
    }
}
