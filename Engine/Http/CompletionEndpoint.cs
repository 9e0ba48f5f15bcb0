using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lean.Engine.Protocol;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Lean.Engine.Text;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary><c>/v1/completions</c>.</summary>
/// <param name="state">The server.</param>
internal sealed class CompletionEndpoint(ServerState state)
{
    /// <summary>Answers a request.</summary>
    public async Task Handle(HttpContext http)
    {
        CompletionRequest request = await RequestReader.ReadAsync(http, CompletionRequest.Read);
        ServedModel model = state.Model;
        model.CheckName(request.Options.Model);
        var requests = new List<GenerationRequest>();
        var echoes = new List<string>();
        int promptTokens = 0;
        foreach (PromptInput prompt in request.Prompts)
        {
            int[] ids = prompt.Ids ?? model.Tokenizer.Encode(prompt.Text!, SpecialTokens.Parse);
            TextOptions options = request.Format.Kind == AnswerFormatKind.Text
                ? request.Options
                : model.Constrain(request.Options, request.Format, prompt.Text ?? model.Tokenizer.Decode(ids, skipSpecial: false));
            requests.AddRange(model.Requests(ids, prompt.Path, options, state.Host));
            promptTokens += ids.Length;
            if (request.Echoes)
            {
                string echo = prompt.Text ?? model.Tokenizer.Decode(ids, request.Options.SkipsSpecial);
                echoes.AddRange(Enumerable.Repeat(echo, request.Options.Choices));
            }
        }

        using Generation generation = state.Host.Start(requests, model.Tokenizer, request.Options.SkipsSpecial);
        await using CancellationTokenRegistration leaving = http.RequestAborted.Register(generation.Cancel);
        string id = $"cmpl-{RandomNumberGenerator.GetHexString(24, lowercase: true)}";
        var writer = new CompletionWriter(id, DateTimeOffset.UtcNow.ToUnixTimeSeconds(), model.Name, model.Tokenizer);
        var answer = new Answer(state, request, generation, echoes, promptTokens, writer);
        await (request.Options.Stream ? answer.Stream(http) : answer.Whole(http));
    }

    private sealed class Answer(
        ServerState state, CompletionRequest request, Generation generation, List<string> echoes, int promptTokens, CompletionWriter writer)
    {
        private readonly int[] _offsets = [.. generation.Choices.Select((_, i) => echoes.Count > 0 ? echoes[i].Length : 0)];
        private readonly bool[] _begun = new bool[generation.Choices.Count];

        public async Task Whole(HttpContext http)
        {
            Choice[] choices = [.. generation.Choices.Select((_, i) => new Choice(echoes.Count > 0 ? echoes[i] : "", request.LogProbabilities))];
            await new GenerationReader(state, generation).Read(http, (index, batch) => choices[index].Add(batch));
            await JsonResponse.WriteAsync(http.Response, json =>
            {
                writer.Begin(json);
                for (int i = 0; i < choices.Length; i++)
                {
                    Choice choice = choices[i];
                    writer.Choice(
                        json, i, choice.Text.ToString(), choice.Tokens, choice.Listed, ref _offsets[i], AnswerWriter.FinishName(choice.Finish));
                }

                CompletionWriter.End(json, Usage());
            });
        }

        public async Task Stream(HttpContext http)
        {
            using var events = new EventStream(http.Response);
            await new GenerationReader(state, generation).Stream(http, events, (index, batch) => Write(events, index, batch));
            if (request.Options.IncludesUsage)
            {
                Utf8JsonWriter json = events.Begin();
                writer.Begin(json);
                CompletionWriter.End(json, Usage());
                events.End();
            }

            events.Done();
            await events.FlushAsync();
        }

        private void Write(EventStream events, int index, TokenBatch batch)
        {
            if (!_begun[index] && echoes.Count > 0)
            {
                Piece(events, index, echoes[index], null, [], null);
            }

            _begun[index] = true;
            List<ChosenToken>? tokens = request.LogProbabilities ? batch.Tokens : null;
            if (batch.Text.WrittenCount > 0 || batch.Finish != FinishReason.None || tokens is { Count: > 0 })
            {
                Piece(events, index, batch.Text.WrittenSpan, tokens, batch.Listed, AnswerWriter.FinishName(batch.Finish));
            }
        }

        private void Piece(EventStream events, int index, ReadOnlySpan<char> text, List<ChosenToken>? tokens, List<ChosenToken> listed, string? finish)
        {
            Utf8JsonWriter json = events.Begin();
            writer.Begin(json);
            writer.Choice(json, index, text, tokens, listed, ref _offsets[index], finish);
            CompletionWriter.End(json, request.Options.ContinuousUsage ? Usage() : null);
            events.End();
        }

        private Usage Usage() => GenerationReader.Usage(generation, promptTokens);
    }

    private sealed class Choice
    {
        public Choice(string echo, bool logProbabilities)
        {
            Text.Append(echo);
            (Tokens, Listed) = logProbabilities ? ([], []) : ((List<ChosenToken>?)null, (List<ChosenToken>?)null);
        }

        public StringBuilder Text { get; } = new();

        public List<ChosenToken>? Tokens { get; }

        public List<ChosenToken>? Listed { get; }

        public FinishReason Finish { get; private set; }

        public void Add(TokenBatch batch)
        {
            Text.Append(batch.Text.WrittenSpan);
            Tokens?.AddRange(batch.Tokens);
            Listed?.AddRange(batch.Listed);
            Finish = batch.Finish;
        }
    }
}
