using System.Security.Cryptography;
using Lean.Engine.Chat.Answers;
using Lean.Engine.Protocol;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Lean.Engine.Text;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary><c>/v1/responses</c>.</summary>
/// <param name="state">The server.</param>
internal sealed class ResponseEndpoint(ServerState state)
{
    /// <summary>Answers a request.</summary>
    public async Task Handle(HttpContext http)
    {
        ResponseRequest request = await RequestReader.ReadAsync(http, ResponseRequest.Read);
        ServedModel model = state.Model;
        model.CheckName(request.Options.Model);
        string text = model.Render(request.Variables);
        TextOptions options = model.Constrain(request.Options, request.Format, request.Tools, text);
        int[] prompt = model.Tokenizer.Encode(text, SpecialTokens.Parse);
        IReadOnlyList<GenerationRequest> requests = model.Requests(prompt, "input", options, state.Host);
        using Generation generation = state.Host.Start(requests, model.Tokenizer, options.SkipsSpecial, model.Marks);
        await using CancellationTokenRegistration leaving = http.RequestAborted.Register(generation.Cancel);
        AnswerParser parser = model.Answer(text, request.Tools);
        string id = $"resp_{RandomNumberGenerator.GetHexString(24, lowercase: true)}";
        var writer = new ResponseWriter(id, DateTimeOffset.UtcNow.ToUnixTimeSeconds(), model.Name, model.Tokenizer, request, requests[0].Sampling);
        var answer = new ResponseAnswer(state, request, generation, parser, prompt.Length, writer);
        await (options.Stream ? answer.Stream(http) : answer.Whole(http));
    }
}
