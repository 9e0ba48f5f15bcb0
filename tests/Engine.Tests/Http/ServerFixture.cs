using System.Diagnostics.CodeAnalysis;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Http;
using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Lean.Engine.Telemetry;
using Lean.Engine.Text;
using Lean.Kernels;
using Microsoft.Extensions.Logging;

namespace Lean.Engine.Tests.Http;

/// <summary>A server of the demo on a port of its own.</summary>
internal sealed class ServerFixture : IAsyncDisposable
{
    private readonly IDisposable? _model;
    private readonly HttpServer _server;

    private ServerFixture(IDisposable? model, EngineHost host, HttpServer server)
    {
        (_model, Host, _server) = (model, host, server);
        Client = new HttpClient { BaseAddress = new Uri(server.Address), Timeout = TimeSpan.FromMinutes(2) };
    }

    /// <summary>The engine.</summary>
    internal EngineHost Host { get; }

    /// <summary>Asks it.</summary>
    internal HttpClient Client { get; }

    /// <summary>Where it listens.</summary>
    internal Uri Address => Client.BaseAddress!;

    /// <summary>Starts one.</summary>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The fixture owns them.")]
    internal static async Task<ServerFixture> Start(EngineOptions? engine = null, ServerOptions? options = null, int mostUnread = 8192, string? template = null, IRankStatus? ranks = null)
    {
        LoadedModel model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());
        EngineHost host = EngineHost.Create(model, engine ?? new EngineOptions { CacheMemory = 64 << 20 }, "demo", mostUnread);
        options ??= new ServerOptions();
        options = options with { Port = 0, LogLevel = LogLevel.None };
        host.Start();
        HttpServer server = await HttpServer.Start(
            options, log => new ServerState(new ServedModel(TestData.Demo, ["demo"], template is null ? null : TestData.Path($"chat/{template}.jinja")), host, options, fault => FaultReport.Describe(model, fault)) { Log = log, Ranks = ranks });
        return new ServerFixture(model, host, server);
    }

    /// <summary>Starts a server of the demo on ranks that are threads.</summary>
    /// <param name="layout">The layout.</param>
    /// <param name="watchdog">How long a rank may wait.</param>
    /// <param name="pause">Called by each rank before each collective.</param>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The fixture owns them.")]
    internal static async Task<ServerFixture> OnRanks(ParallelLayout layout, TimeSpan watchdog, Action<int> pause)
    {
        RankedModel model = RankedModel.Open(TestData.Demo, new RankOptions { Layout = layout, Watchdog = watchdog, Pause = pause });
        EngineHost host = EngineHost.Create(model, new EngineOptions { CacheMemory = 16 << 20 }, "demo");
        var options = new ServerOptions { Port = 0, LogLevel = LogLevel.None };
        host.Start();
        HttpServer server = await HttpServer.Start(
            options, log => new ServerState(new ServedModel(TestData.Demo, ["demo"], null), host, options, fault => FaultReport.Describe(model.Loaded, fault)) { Log = log, Ranks = model.Status });
        return new ServerFixture(model, host, server);
    }

    /// <summary>Starts a server of a model that says what it is told to.</summary>
    /// <param name="runner">The model.</param>
    /// <param name="template">The chat template, of those in Data/chat.</param>
    /// <param name="options">How the server is set up.</param>
    /// <param name="engine">Limits of the engine.</param>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The fixture owns them.")]
    internal static async Task<ServerFixture> Script(ScriptedModel runner, string template, ServerOptions? options = null, EngineOptions? engine = null)
    {
        ModelConfig config = ModelConfigReader.Read(TestData.Demo);
        var metrics = new ServerMetrics();
        engine = (engine ?? new EngineOptions()) with { Observer = metrics };
        var host = new EngineHost(new GenerationEngine(config, runner, new CachePlan(256, 16, 0, default), engine), config) { Metrics = metrics };
        options = (options ?? new ServerOptions()) with { Port = 0, LogLevel = LogLevel.None };
        host.Start();
        var served = new ServedModel(TestData.Demo, ["demo"], TestData.Path($"chat/{template}.jinja"));
        HttpServer server = await HttpServer.Start(options, log => new ServerState(served, host, options, static _ => "numbers are not finite") { Log = log });
        return new ServerFixture(null, host, server);
    }

    /// <summary>The tokens of a text in which the text of a control token means the token, and the end of a turn.</summary>
    internal static int[] Tokens(string text) => Tokenizer.Load(TestData.Demo).Encode($"{text}<|im_end|>", SpecialTokens.Parse);

    /// <summary>Posts JSON and reads JSON back.</summary>
    internal async Task<(int Status, JsonElement Body)> Post(string path, string json)
    {
        using HttpResponseMessage response = await Send(HttpMethod.Post, path, Json(json));
        return ((int)response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken));
    }

    /// <summary>Asks something, with headers beyond the usual ones; the answer's body may still be under way.</summary>
    internal async Task<HttpResponseMessage> Send(HttpMethod method, string path, HttpContent? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = body };
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    /// <summary>Posts JSON and reads the data of the events that come back.</summary>
    internal async Task<List<string>> Events(string path, string json)
    {
        using HttpResponseMessage response = await Send(HttpMethod.Post, path, Json(json));
        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.EndsWith("\n\n", text, StringComparison.Ordinal);
        return [.. text[..^2].Split("\n\n").Select(static e => e[(e.IndexOf("data: ", StringComparison.Ordinal) + 6)..])];
    }

    /// <summary>A body of JSON.</summary>
    internal static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    /// <summary>The server.</summary>
    internal Task Stop() => _server.Stop();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.DisposeAsync();
        Host.Dispose();
        _model?.Dispose();
    }
}
