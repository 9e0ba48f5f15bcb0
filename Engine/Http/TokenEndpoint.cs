using Lean.Engine.Protocol;
using Lean.Engine.Serving;
using Lean.Engine.Text;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary><c>/tokenize</c> and <c>/detokenize</c>, as vLLM has them.</summary>
/// <param name="state">The server.</param>
internal sealed class TokenEndpoint(ServerState state)
{
    /// <summary>Text, or messages, to tokens.</summary>
    public async Task Tokenize(HttpContext http)
    {
        TokenizeRequest request = await RequestReader.ReadAsync(http, TokenizeRequest.Read);
        ServedModel model = state.Model;
        model.CheckName(request.Model);
        int[] ids = model.Tokenizer.Encode(request.Prompt ?? model.Render(request.Variables!), SpecialTokens.Parse);
        await JsonResponse.WriteAsync(http.Response, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("count"u8, ids.Length);
            json.WriteNumber("max_model_len"u8, state.Host.Config.MaxPositions);
            json.WriteStartArray("tokens"u8);
            foreach (int id in ids)
            {
                json.WriteNumberValue(id);
            }

            json.WriteEndArray();
            if (request.ReturnsTexts)
            {
                json.WriteStartArray("token_strs"u8);
                foreach (int id in ids)
                {
                    json.WriteStringValue(AnswerWriter.TextOf(model.Tokenizer, id));
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        });
    }

    /// <summary>Tokens to text.</summary>
    public async Task Detokenize(HttpContext http)
    {
        (string? name, int[] ids) = await RequestReader.ReadAsync(http, static body => (
            body.Text("model"), body.Ids("tokens") ?? throw ApiException.Invalid("tokens", "tokens is missing, expected a list of token ids")));
        state.Model.CheckName(name);
        string text = state.Model.Tokenizer.Decode(ids, skipSpecial: false);
        await JsonResponse.WriteAsync(http.Response, json =>
        {
            json.WriteStartObject();
            json.WriteString("prompt"u8, text);
            json.WriteEndObject();
        });
    }
}
