using Lean.Engine.Chat.Answers;
using Lean.Engine.Protocol;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary>An answer of <c>/v1/chat/completions</c> on its way.</summary>
internal sealed class ChatAnswer(
    ServerState state, ChatRequest request, Generation generation, AnswerParser[] parsers, int promptTokens, ChatWriter writer)
{
    private readonly List<AnswerPart> _parts = [];
    private readonly bool[] _begun = new bool[parsers.Length];

    /// <summary>Sends it once it is whole.</summary>
    public async Task Whole(HttpContext http)
    {
        ChatChoice[] choices = [.. parsers.Select(_ => new ChatChoice(request.LogProbabilities))];
        await new GenerationReader(state, generation).Read(http, (index, batch) =>
        {
            Parse(index, batch);
            choices[index].Add(batch);
            foreach (AnswerPart part in _parts)
            {
                choices[index].Add(part);
            }
        });
        await JsonResponse.WriteAsync(http.Response, json => writer.Whole(json, choices, Usage()));
    }

    /// <summary>Sends it as it comes.</summary>
    public async Task Stream(HttpContext http)
    {
        using var events = new EventStream(http.Response);
        var reader = new GenerationReader(state, generation);
        await reader.Stream(http, events, (index, batch) => Write(events, index, batch));
        if (request.Options.IncludesUsage)
        {
            writer.UsageOnly(events.Begin(), Usage());
            events.End();
        }

        events.Done();
        await events.FlushAsync();
    }

    private void Write(EventStream events, int index, TokenBatch batch)
    {
        if (!_begun[index])
        {
            _begun[index] = true;
            writer.Begin(events.Begin(), index);
            events.End();
        }

        Parse(index, batch);
        Usage? usage = request.Options.ContinuousUsage ? Usage() : null;

        // Log-probabilities go with the first piece; where nothing is certain yet, they go alone.
        List<ChosenToken>? tokens = request.LogProbabilities && batch.Tokens.Count > 0 ? batch.Tokens : null;
        if (tokens is not null && _parts.Count == 0 && batch.Finish == FinishReason.None)
        {
            Piece(events, index, null, tokens, batch.Listed, null, usage);
        }

        foreach (AnswerPart part in _parts)
        {
            if (part.Kind != AnswerPartKind.CallEnd)
            {
                Piece(events, index, part, tokens, batch.Listed, null, usage);
                tokens = null;
            }
        }

        if (batch.Finish != FinishReason.None)
        {
            Piece(events, index, null, tokens, batch.Listed, AnswerWriter.FinishName(batch.Finish, parsers[index].Calls > 0), usage);
        }
    }

    private void Piece(
        EventStream events, int index, AnswerPart? part, List<ChosenToken>? tokens, List<ChosenToken> listed, string? finish, Usage? usage)
    {
        writer.Piece(events.Begin(), index, part, tokens, listed, finish, usage);
        events.End();
    }

    private void Parse(int index, TokenBatch batch)
    {
        _parts.Clear();
        parsers[index].Append(batch.Text.WrittenSpan, _parts);
        if (batch.Finish != FinishReason.None)
        {
            parsers[index].End(_parts);
        }

        if (!request.IncludesReasoning)
        {
            _parts.RemoveAll(static p => p.Kind == AnswerPartKind.Reasoning);
        }
    }

    private Usage Usage() => GenerationReader.Usage(generation, promptTokens);
}
