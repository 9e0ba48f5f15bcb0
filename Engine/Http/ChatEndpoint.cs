using System.Security.Cryptography;
using Lean.Engine.Chat.Answers;
using Lean.Engine.Protocol;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Lean.Engine.Text;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary><c>/v1/chat/completions</c>.</summary>
/// <param name="state">The server.</param>
internal sealed class ChatEndpoint(ServerState state)
{
    /// <summary>Answers a request.</summary>
    public async Task Handle(HttpContext http)
    {
        ChatRequest request = await RequestReader.ReadAsync(http, ChatRequest.Read);
        ServedModel model = state.Model;
        model.CheckName(request.Options.Model);
        string text = model.Render(request.Variables);
        TextOptions options = model.Constrain(request.Options, request.Format, request.Tools, text);
        int[] prompt = model.Tokenizer.Encode(text, SpecialTokens.Parse);
        IReadOnlyList<GenerationRequest> requests = model.Requests(prompt, "messages", options, state.Host);
        using Generation generation = state.Host.Start(requests, model.Tokenizer, request.Options.SkipsSpecial, model.Marks);
        await using CancellationTokenRegistration leaving = http.RequestAborted.Register(generation.Cancel);
        var parsers = new AnswerParser[requests.Count];
        for (int i = 0; i < parsers.Length; i++)
        {
            parsers[i] = model.Answer(text, request.Tools);
        }

        string id = $"chatcmpl-{RandomNumberGenerator.GetHexString(24, lowercase: true)}";
        var answer = new ChatAnswer(
            state, request, generation, parsers, prompt.Length, new ChatWriter(id, DateTimeOffset.UtcNow.ToUnixTimeSeconds(), model.Name, model.Tokenizer));
        await (request.Options.Stream ? answer.Stream(http) : answer.Whole(http));
    }
}
