using System.CommandLine;
using System.Globalization;
using System.Text;
using Lean.Engine.Cli;
using Lean.Engine.Http;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Lean.Tensors;
using Microsoft.Extensions.Logging;

namespace Lean.Engine.Bench.Serve;

/// <summary><c>lean bench serve</c>: a server under load.</summary>
internal sealed class ServeBenchCommand
{
    private const int Most = 1 << 20;

    private static readonly int[] AtATime = [1, 16];

    private readonly Option<string?> _url = Options.Text("--url", "URL", "A server that has OpenAI's completions and takes token ids (default: one of its own, on the demo or --model)");
    private readonly Option<string?> _key = Options.Text("--api-key", "KEY", "The server's key");
    private readonly Option<string?> _model = Options.Model();
    private readonly Option<string?> _device = Options.Device();
    private readonly Option<string?> _rates = Options.Text("--rate", "R,…", "Requests a second that come independently of each other (Poisson), one load after the other");
    private readonly Option<int[]?> _atATime = Options.Numbers("--concurrency", 1, Most, AtATime, "Requests at a time, each sent when one has been answered");
    private readonly Option<int> _requests = Options.Number("--requests", 1, Most, 128, "Requests of each load");
    private readonly Option<string?> _prompt = Options.Text("--prompt-tokens", "N|A..B|~M", "Tokens of prompts: always N, A to B, or log-normal about a median of M (default: 32..256)");
    private readonly Option<string?> _answer = Options.Text("--output-tokens", "N|A..B|~M", "Tokens of answers (default: 64)");
    private readonly Option<int> _shared = Options.Number("--shared-tokens", 0, Most, 0, "Tokens with which prompts begin alike");
    private readonly Option<int> _prefixes = Options.Number("--prefixes", 1, Most, 4, "How many different beginnings there are");
    private readonly Option<int> _firstLimit = Options.Number("--slo-ttft", 1, Most, 1000, "Milliseconds within which the first token of a good answer comes");
    private readonly Option<int> _tokenLimit = Options.Number("--slo-tpot", 1, Most, 100, "Milliseconds that each token after it may take, on average");
    private readonly Option<int> _seed = Options.Number("--seed", 0, int.MaxValue, 1, "For lengths, prompts and arrivals");
    private readonly Option<string?> _chart = Options.Text("--chart", "FILE.svg", "Draw the percentiles");
    private readonly Option<bool> _json = Options.Json("Print one JSON object on one line");

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "serve",
            "Puts a server under load and tells the times to the first token and between tokens, throughput, and goodput: requests a second that kept given limits; times count from when a request was meant to be sent",
            "lean bench serve --concurrency 1,16,64",
            "lean bench serve --url http://127.0.0.1:8000 --rate 2,4,8 --prompt-tokens ~512 --output-tokens 128 --shared-tokens 1024 --chart load.svg")
        {
            _url, _key, _model, _device, _rates, _atATime, _requests, _prompt, _answer, _shared, _prefixes, _firstLimit, _tokenLimit, _seed, _chart, _json,
        };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        using OutputFile? chart = parsed.GetValue(_chart) is { } path ? OutputFile.Open(_chart.Name, path) : null;
        ServeReport report = Measure(parsed, CancellationToken.None).GetAwaiter().GetResult();
        chart?.Write(Encoding.UTF8.GetBytes(report.Chart()));
        if (parsed.GetValue(_json))
        {
            report.Json();
        }
        else
        {
            report.Table();
        }

        return report.HasFailures ? 1 : 0;
    }

    private async Task<ServeReport> Measure(ParseResult parsed, CancellationToken stop)
    {
        var work = new ServeWork
        {
            Prompt = LengthDistribution.Parse(_prompt.Name, parsed.GetValue(_prompt) ?? "32..256"),
            Answer = LengthDistribution.Parse(_answer.Name, parsed.GetValue(_answer) ?? "64"),
            SharedTokens = parsed.GetValue(_shared),
            Prefixes = parsed.GetValue(_prefixes),
            Seed = parsed.GetValue(_seed),
        };
        List<(string Name, double? Rate, int AtATime)> loads = Loads(parsed);
        if (parsed.GetValue(_url) is { } url)
        {
            Uri address = Uri.TryCreate(url, UriKind.Absolute, out Uri? given) && given.Scheme is "http" or "https"
                ? given
                : throw new InputException($"{_url.Name} is '{url}', expected an address such as http://127.0.0.1:8000");
            return await Measure(parsed, address, address.ToString(), work, loads, stop);
        }

        string folder = ModelFolder.Find(parsed.GetValue(_model));
        using LoadedModel model = ModelFolder.Open(folder, parsed.GetValue(_device), DType.F32);
        using EngineHost host = EngineHost.Create(model, new EngineOptions { MaxQueue = parsed.GetValue(_requests) });
        host.Start();
        var served = new ServedModel(folder, [Path.GetFileName(Path.GetFullPath(folder).TrimEnd('/')).ToLowerInvariant()], null);
        await using HttpServer server = await HttpServer.Start(
            new ServerOptions { Port = 0, LogLevel = LogLevel.Critical },
            log => new ServerState(served, host, new ServerOptions { Port = 0 }, fault => FaultReport.Describe(model, fault)) { Log = log });
        return await Measure(parsed, new Uri(server.Address), $"a server in this process, {model.Ops.Description}", work, loads, stop);
    }

    private async Task<ServeReport> Measure(
        ParseResult parsed, Uri address, string name, ServeWork work, List<(string Name, double? Rate, int AtATime)> loads, CancellationToken stop)
    {
        using var client = new ServeClient(address, parsed.GetValue(_key));
        string model;
        try
        {
            model = await client.Model(stop);

            // The first requests of a server compile and grow; they are nobody's load.
            await ServeLoad.Closed(client, (work with { Seed = ~work.Seed }).Make(4), 2, model, stop);
        }
        catch (HttpRequestException e)
        {
            throw new MachineException($"{address} does not answer: {e.Message}", e);
        }

        var figures = new List<ServeFigure>();
        foreach ((string load, double? rate, int atATime) in loads)
        {
            // Other prompts for each load: what one left in the caches is not the next one's.
            ServeWork own = work with { Seed = work.Seed + figures.Count };
            ServeRequest[] requests = own.Make(parsed.GetValue(_requests));
            ServeOutcome[] outcomes = rate is { } r
                ? await ServeLoad.Open(client, requests, ServeLoad.Arrivals(requests.Length, r, own.Seed), model, stop)
                : await ServeLoad.Closed(client, requests, atATime, model, stop);
            figures.Add(new ServeFigure(load, outcomes, parsed.GetValue(_firstLimit) / 1e3, parsed.GetValue(_tokenLimit) / 1e3));
        }

        return new ServeReport(name, model, work, figures);
    }

    private List<(string Name, double? Rate, int AtATime)> Loads(ParseResult parsed)
    {
        var loads = new List<(string, double?, int)>();
        foreach (string rate in parsed.GetValue(_rates)?.Split(',') ?? [])
        {
            loads.Add(double.TryParse(rate, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) && number is > 0 and <= Most
                ? ($"{rate} requests/s", number, 0)
                : throw new InputException($"{_rates.Name} is '{parsed.GetValue(_rates)}', expected requests a second such as 2,4.5"));
        }

        int[] given = parsed.GetValue(_atATime) is { Length: > 0 } numbers ? numbers : loads.Count > 0 ? [] : AtATime;
        loads.AddRange(given.Select(static n => ($"{n} at a time", (double?)null, n)));
        return loads;
    }
}
