using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lean.Engine.Telemetry;
using Lean.Tensors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lean.Engine.Http;

/// <summary>The HTTP server.</summary>
internal sealed class HttpServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HealthWatch _watch;
    private readonly ServerState _state;

    private HttpServer(WebApplication app, ServerState state, HealthWatch watch) => (_app, _state, _watch) = (app, state, watch);

    /// <summary>Where it listens.</summary>
    public string Address { get; private set; } = "";

    /// <summary>The log.</summary>
    public ILogger Log => _state.Log;

    /// <summary>Begins to listen.</summary>
    /// <param name="options">How.</param>
    /// <param name="make">Makes what endpoints need, given the log.</param>
    /// <exception cref="InputException">The certificate cannot be used.</exception>
    /// <exception cref="MachineException">The port cannot be had.</exception>
    public static async Task<HttpServer> Start(ServerOptions options, Func<ILogger, ServerState> make)
    {
        // Nothing but the command line sets this server up: no appsettings.json, no environment variables of ASP.NET's.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        AddLog(builder.Logging, options);
        builder.Services.AddRoutingCore();
        if (options.Origins.Count > 0)
        {
            builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy.WithOrigins([.. options.Origins]).AllowAnyHeader().AllowAnyMethod()));
        }

        builder.Services.AddSingleton<IHostLifetime, QuietLifetime>();
        builder.Services.Configure<HostOptions>(h => h.ShutdownTimeout = options.DrainTime);
        builder.WebHost.UseKestrelCore();
        X509Certificate2Collection? chain = options.Certificate is null ? null : Certificate(options);
        if (chain is not null)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }

        builder.WebHost.ConfigureKestrel(k => Configure(k, options, chain));
        WebApplication app = builder.Build();
        ServerState state = make(app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("lean"));
        var watch = new HealthWatch(state.Host, options.StepLimit, TimeProvider.System, state.Ranks);
        Map(app, state, watch);
        var server = new HttpServer(app, state, watch);
        try
        {
            await app.StartAsync();
        }
        catch (IOException e)
        {
            await server.DisposeAsync();
            throw new MachineException($"cannot listen at {new IPEndPoint(options.Address, options.Port)}: {e.InnerException?.Message ?? e.Message}", e);
        }

        server.Address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return server;
    }

    /// <summary>Lets nothing new in, waits until what is under way has ended or the time for it is up, and ends.</summary>
    public async Task Stop()
    {
        _state.IsDraining = true;
        ServerLog.Draining(_state.Log, _state.Host.Open, _state.Options.DrainTime.TotalSeconds);
        await _app.StopAsync();
        ServerLog.Ended(_state.Log);
    }

    /// <summary>Ends where the engine has failed: requests have ended with it, and their last words have so long to go out.</summary>
    /// <param name="limit">How long.</param>
    public async Task End(TimeSpan limit)
    {
        _state.IsDraining = true;
        using var source = new CancellationTokenSource(limit);
        await _app.StopAsync(source.Token);
    }

    public async ValueTask DisposeAsync()
    {
        _watch.Dispose();
        await _app.DisposeAsync();
    }

    private static void Map(WebApplication app, ServerState state, HealthWatch watch)
    {
        var guard = new Guard(state);
        app.Use(next => http => guard.Run(http, next));
        if (state.Options.Origins.Count > 0)
        {
            app.UseCors();
        }

        var models = new ModelEndpoint(state);
        var tokens = new TokenEndpoint(state);
        var status = new StatusEndpoint(state, watch);
        app.MapGet("/", (RequestDelegate)new PageEndpoint().Handle);
        app.MapPost("/v1/chat/completions", (RequestDelegate)new ChatEndpoint(state).Handle);
        app.MapPost("/v1/responses", (RequestDelegate)new ResponseEndpoint(state).Handle);
        app.MapPost("/v1/completions", (RequestDelegate)new CompletionEndpoint(state).Handle);
        app.MapGet("/v1/models", (RequestDelegate)models.List);
        app.MapGet("/v1/models/{**name}", (RequestDelegate)models.One);
        app.MapPost("/tokenize", (RequestDelegate)tokens.Tokenize);
        app.MapPost("/detokenize", (RequestDelegate)tokens.Detokenize);
        app.MapGet("/health", (RequestDelegate)status.Health);
        app.MapGet("/ready", (RequestDelegate)status.Ready);
        if (state.Ranks is { } ranks)
        {
            app.MapGet("/ranks", (RequestDelegate)new RankEndpoint(ranks).Handle);
        }

        if (state.Host.Metrics is { } metrics)
        {
            MapMetrics(app, state, metrics);
        }

        app.MapGet("/version", (RequestDelegate)StatusEndpoint.TellVersion);
    }

    private static void MapMetrics(WebApplication app, ServerState state, ServerMetrics metrics)
    {
        string labels = $"{PrometheusText.Label("model_name", state.Model.Name)},engine=\"0\"";
        RankMetrics? ranks = state.Ranks is null ? null : new RankMetrics(state.Ranks, metrics.Meter);
        var text = new PrometheusText(metrics.Meter, labels);
        app.Lifetime.ApplicationStopped.Register(text.Dispose);
        app.MapGet("/metrics", (RequestDelegate)(http =>
        {
            http.Response.ContentType = PrometheusText.MediaType;
            return http.Response.WriteAsync(text.Write() + ranks?.Write(labels), http.RequestAborted);
        }));
    }

    private static void Configure(KestrelServerOptions kestrel, ServerOptions options, X509Certificate2Collection? chain)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = options.MostBytes;
        kestrel.Listen(options.Address, options.Port, listen =>
        {
            if (chain is not null)
            {
                listen.UseHttps(new HttpsConnectionAdapterOptions { ServerCertificate = chain[0], ServerCertificateChain = chain });
            }
        });
    }

    private static X509Certificate2Collection Certificate(ServerOptions options)
    {
        try
        {
            var own = X509Certificate2.CreateFromPemFile(options.Certificate!, options.CertificateKey);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(options.Certificate!);
            chain[0] = own;
            return chain;
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new InputException($"the certificate '{options.Certificate}'{(options.CertificateKey is { } key ? $" with the key '{key}'" : "")} cannot be used: {e.Message}", e);
        }
    }

    private static void AddLog(ILoggingBuilder logging, ServerOptions options)
    {
        logging.SetMinimumLevel(options.LogLevel);

        // What ASP.NET says of itself is worth a line only where something is wrong.
        logging.AddFilter("Microsoft", options.LogLevel > LogLevel.Warning ? options.LogLevel : LogLevel.Warning);
        logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(static o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        if (options.LogsJson)
        {
            logging.AddJsonConsole(static o => (o.UseUtcTimestamp, o.TimestampFormat) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ"));
        }
        else
        {
            logging.AddSimpleConsole(static o => (o.SingleLine, o.UseUtcTimestamp, o.TimestampFormat) = (true, true, "yyyy-MM-ddTHH:mm:ss.fffZ "));
        }
    }

    // Signals are the command's.
    private sealed class QuietLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
