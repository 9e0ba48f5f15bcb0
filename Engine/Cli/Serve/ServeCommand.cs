using System.CommandLine;
using System.Net;
using System.Runtime.InteropServices;
using Lean.Comm;
using Lean.Engine.Cli.Chat;
using Lean.Engine.Http;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Lean.Engine.Telemetry;
using Lean.Tensors;
using Microsoft.Extensions.Logging;

namespace Lean.Engine.Cli.Serve;

/// <summary><c>lean serve</c>: an HTTP server with the APIs of OpenAI and vLLM.</summary>
internal sealed class ServeCommand
{
    private const string KeyVariable = "LEAN_API_KEY";
    private const int Most = 1 << 20;
    private const int MostSeconds = 86_400;

    // Of requests that an engine's failure has ended.
    private static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(2);

    private readonly Option<string?> _model = Options.Model();
    private readonly Option<string[]> _names = Options.Texts("--served-model-name", "NAME", "What requests call the model; repeat it for further names (default: the name of its folder)");
    private readonly Option<string?> _device = Options.Device();
    private readonly Option<string?> _activations = Options.Activations();
    private readonly Option<string?> _host = Options.Text("--host", "ADDRESS", "Where to listen: an IP address, 0.0.0.0 or :: for all of the machine's (default: 127.0.0.1, this machine only)");
    private readonly Option<int> _port = Options.Number("--port", 0, ushort.MaxValue, 8000, "The port; 0 takes one that is free");
    private readonly Option<string[]> _keys = Options.Texts("--api-key", "KEY", $"A key that clients have to show; may be repeated (default: {KeyVariable}, else none)");
    private readonly Option<string[]> _origins = Options.Texts("--cors-origin", "ORIGIN", "An origin whose web pages may ask, such as https://chat.example, or *; may be repeated (default: none)");
    private readonly Option<string?> _certificate = Options.Text("--tls-certificate", "FILE.pem", "Speak TLS, with this certificate and its chain");
    private readonly Option<string?> _certificateKey = Options.Text("--tls-key", "FILE.pem", "The certificate's private key, where it is not in the same file");
    private readonly Option<string?> _template = ChatOptions.TemplateOption();
    private readonly Option<int?> _maxStepTokens = Options.MaxStepTokens();

    private readonly Option<int> _maxSequences = Options.Number("--max-sequences", 1, Most, 64, "Sequences that run at a time; others wait");
    private readonly Option<int> _maxQueue = Options.Number("--max-queue", 0, Most, 1024, "Sequences that wait at most; further ones get status 429");
    private readonly Option<string?> _cacheMemory = Options.CacheMemory();
    private readonly Option<Speculation> _speculate = Options.Speculate();
    private readonly Option<string?> _drafter = Options.Drafter();
    private readonly Option<bool> _reuse = Options.ReuseGenerated();
    private readonly Option<string?> _maxRequest = Options.Text("--max-request-size", "SIZE", "The largest body of a request (default: 32MiB)");
    private readonly Option<int> _drain = Options.Number("--drain-time", 0, MostSeconds, 30, "Seconds that requests under way may go on after the first SIGTERM or Ctrl-C");
    private readonly Option<int> _stepLimit = Options.Number("--step-limit", 1, MostSeconds, 60, "Seconds without progress after which /health fails");
    private readonly Option<string?> _logFormat = Options.Text("--log-format", "text|json", "How the log on stderr looks (default: text)");
    private readonly Option<string?> _logLevel = Options.Text("--log-level", "debug|information|warning|error", "The least that is logged (default: information)");
    private readonly LayoutOptions _layout = new();

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "serve",
            "Serves the model over HTTP with the APIs of OpenAI and vLLM: chat and text completions, streamed or whole, models, tokens, health; the first SIGTERM or Ctrl-C lets nothing new in and waits for what is under way, a second one ends at once",
            "lean serve",
            "lean serve --model DIR --tp 2 --dp 2 --ep",
            "lean serve --model DIR --device cuda --host 0.0.0.0 --api-key \"$(cat key)\"",
            "curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Who is there?\"}]}'")
        {
            _model, _names, _device, _activations, _host, _port, _keys, _origins, _certificate, _certificateKey, _template, _maxStepTokens, _maxSequences, _maxQueue,
            _cacheMemory, _speculate, _drafter, _reuse, _maxRequest, _drain, _stepLimit, _logFormat, _logLevel,
        };
        _layout.AddTo(command);
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        RankOptions ranks = _layout.Read(parsed, parsed.GetValue(_device)) with { Activations = Options.ReadActivations(parsed, _activations) };
        string folder = ModelFolder.Find(parsed.GetValue(_model));
        if (ranks.IsMember)
        {
            RankMember.Run(folder, ranks);
            return 0;
        }

        ServerOptions options = Read(parsed);
        string[] names = parsed.GetValue(_names) is { Length: > 0 } given ? given : [Path.GetFileName(Path.GetFullPath(folder).TrimEnd('/')).ToLowerInvariant()];
        var served = new ServedModel(folder, names, parsed.GetValue(_template));
        using IEngineSource model = ModelFolder.Open(folder, parsed.GetValue(_device), ranks);
        CacheLine.ShowReuse(parsed.GetValue(_reuse));
        using EngineHost host = EngineHost.Create(model, new EngineOptions
        {
            MaxStepTokens = parsed.GetValue(_maxStepTokens),
            MaxSequences = parsed.GetValue(_maxSequences),
            MaxQueue = parsed.GetValue(_maxQueue),
            CacheMemory = parsed.GetValue(_cacheMemory) is { } size ? ByteSize.Parse(_cacheMemory.Name, size) : null,
            Speculate = parsed.GetValue(_speculate).Most,
            AdaptsDepth = parsed.GetValue(_speculate).Adapts,
            Drafter = Options.ReadDrafter(parsed, _drafter),
            KeepsGenerated = parsed.GetValue(_reuse),
        }, names[0]);
        ModelFolder.ShowRanks(model, ranks);
        using OtlpExport? export = OtlpExport.Start();
#pragma warning disable CA2025 // It has ended when the line has.
        return Serve(options, served, host, fault => FaultReport.Describe(model.Loaded, fault), (model as RankedModel)?.Status).GetAwaiter().GetResult();
#pragma warning restore CA2025
    }

    private static async Task<int> Serve(ServerOptions options, ServedModel served, EngineHost host, Func<Fault, string> describe, IRankStatus? ranks)
    {
        var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        host.Start();
        await using HttpServer server = await HttpServer.Start(options, log => new ServerState(served, host, options, describe) { Log = log, Ranks = ranks });
        ILogger log = server.Log;
        ServerLog.Caches(log, host.Caches.ToString());
        ServerLog.Steps(log, host.StepTokens.ToString());
        ServerLog.Listening(log, served.Name, server.Address);
        if (options.ApiKeys.Count == 0 && !IPAddress.IsLoopback(options.Address))
        {
            ServerLog.OpenToAll(log, server.Address);
        }

        await Task.WhenAny(signal.Task, host.Ended);
        if (host.Ended is { IsFaulted: true } ended)
        {
            // Nothing will be answered any more; whoever watches over the program starts it anew.
            Exception fault = ended.Exception.InnerException!;
            ServerLog.EngineFailed(log, fault.Message);
            await server.End(s_lastWords);
            throw fault as LeanException ?? new MachineException($"the engine failed: {fault.Message}", fault);
        }

        await server.Stop();
        return 0;

        void OnSignal(PosixSignalContext context)
        {
            // The second one does what signals do: it ends the program.
            context.Cancel = signal.TrySetResult();
        }
    }

    private ServerOptions Read(ParseResult parsed)
    {
        string host = parsed.GetValue(_host) ?? "127.0.0.1";
        string? environment = Environment.GetEnvironmentVariable(KeyVariable);
        string[] keys = parsed.GetValue(_keys) is { Length: > 0 } given ? given : environment is { Length: > 0 } ? [environment] : [];
        if (keys.Contains(""))
        {
            throw new InputException($"{_keys.Name} is empty, expected a key");
        }

        if (parsed.GetValue(_certificateKey) is not null && parsed.GetValue(_certificate) is null)
        {
            throw new InputException($"{_certificateKey.Name} is there without {_certificate.Name}, expected both");
        }

        return new ServerOptions
        {
            Address = host == "localhost" ? IPAddress.Loopback
                : IPAddress.TryParse(host, out IPAddress? address) ? address
                : throw new InputException($"{_host.Name} is '{host}', expected an IP address such as 127.0.0.1 or 0.0.0.0"),
            Port = parsed.GetValue(_port),
            ApiKeys = keys,
            Origins = parsed.GetValue(_origins) ?? [],
            Certificate = parsed.GetValue(_certificate),
            CertificateKey = parsed.GetValue(_certificateKey),
            MostBytes = parsed.GetValue(_maxRequest) is { } size ? ByteSize.Parse(_maxRequest.Name, size) : 32L << 20,
            DrainTime = TimeSpan.FromSeconds(parsed.GetValue(_drain)),
            StepLimit = TimeSpan.FromSeconds(parsed.GetValue(_stepLimit)),
            LogsJson = Choice(parsed, _logFormat, "text", ("text", false), ("json", true)),
            LogLevel = Choice(
                parsed, _logLevel, "information", ("debug", LogLevel.Debug), ("information", LogLevel.Information), ("warning", LogLevel.Warning), ("error", LogLevel.Error)),
        };
    }

    private static T Choice<T>(ParseResult parsed, Option<string?> option, string usual, params (string Name, T Value)[] choices)
    {
        string given = parsed.GetValue(option) ?? usual;
        foreach ((string name, T value) in choices)
        {
            if (name == given)
            {
                return value;
            }
        }

        throw new InputException($"{option.Name} is '{given}', expected {string.Join(", ", choices.Select(static c => c.Name))}");
    }
}
