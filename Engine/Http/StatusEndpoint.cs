using System.Reflection;
using Lean.Engine.Protocol;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary><c>/health</c>, <c>/ready</c> and <c>/version</c>.</summary>
/// <param name="state">The server.</param>
/// <param name="watch">Watches over the engine.</param>
internal sealed class StatusEndpoint(ServerState state, HealthWatch watch)
{
    /// <summary>The program's version.</summary>
    public static string Version { get; } = typeof(StatusEndpoint).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>Whether the engine gets on, and computes numbers.</summary>
    public Task Health(HttpContext http) => Say(http, watch.Complaint());

    /// <summary>Whether requests are let in.</summary>
    public Task Ready(HttpContext http) => Say(http, state.IsDraining ? "the server is ending" : state.Host.Ended.IsCompleted ? "the engine has ended" : null);

    /// <summary>Which version this is.</summary>
    public static Task TellVersion(HttpContext http) => JsonResponse.WriteAsync(http.Response, static json =>
    {
        json.WriteStartObject();
        json.WriteString("version"u8, Version);
        json.WriteEndObject();
    });

    private static Task Say(HttpContext http, string? complaint) => complaint is null
        ? JsonResponse.WriteAsync(http.Response, static json =>
        {
            json.WriteStartObject();
            json.WriteString("status"u8, "ok"u8);
            json.WriteEndObject();
        })
        : throw new ApiException(503, complaint);
}
