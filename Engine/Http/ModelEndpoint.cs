using System.Text.Json;
using Lean.Engine.Serving;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary><c>/v1/models</c> and <c>/v1/models/{name}</c>.</summary>
/// <param name="state">The server.</param>
internal sealed class ModelEndpoint(ServerState state)
{
    /// <summary>Lists what requests may call the model.</summary>
    public Task List(HttpContext http) => JsonResponse.WriteAsync(http.Response, json =>
    {
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        foreach (string name in state.Model.Names)
        {
            Write(json, name);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });

    /// <summary>Describes one.</summary>
    public Task One(HttpContext http)
    {
        string name = (string)http.Request.RouteValues["name"]!;
        state.Model.CheckName(name);
        return JsonResponse.WriteAsync(http.Response, json => Write(json, name));
    }

    private void Write(Utf8JsonWriter json, string name)
    {
        ServedModel model = state.Model;
        json.WriteStartObject();
        json.WriteString("id"u8, name);
        json.WriteString("object"u8, "model"u8);
        json.WriteNumber("created"u8, model.Created);
        json.WriteString("owned_by"u8, "lean"u8);
        json.WriteString("root"u8, model.Name);
        json.WriteNumber("max_model_len"u8, state.Host.Config.MaxPositions);
        json.WriteEndObject();
    }
}
