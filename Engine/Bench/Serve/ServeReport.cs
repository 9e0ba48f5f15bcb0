using System.Text.Json;
using Lean.Engine.Bench.Charts;
using Lean.Engine.Cli;

namespace Lean.Engine.Bench.Serve;

/// <summary>Tells what loads came to: a table, JSON, a chart.</summary>
/// <param name="server">Where the load went.</param>
/// <param name="model">The server's model.</param>
/// <param name="work">What requests were made of.</param>
/// <param name="figures">The loads, at least one.</param>
internal sealed class ServeReport(string server, string model, ServeWork work, IReadOnlyList<ServeFigure> figures)
{
    private const double Milli = 1e3;

    /// <summary>Whether a request got no answer.</summary>
    public bool HasFailures => figures.Any(static f => f.Failed > 0);

    private string Requests =>
        $"{work.Prompt} prompt tokens{(work.SharedTokens > 0 ? $" behind {work.SharedTokens} shared ({work.Prefixes} beginning{(work.Prefixes == 1 ? "" : "s")})" : "")}, {work.Answer} answer tokens, seed {work.Seed}";

    private string Limits => $"first token within {figures[0].FirstTokenLimit * Milli:F0} ms, {figures[0].PerTokenLimit * Milli:F0} ms per token after it";

    /// <summary>Prints a table.</summary>
    public void Table()
    {
        Console.WriteLine($"server    {server}, {model}");
        Console.WriteLine($"requests  {Requests}");
        Console.WriteLine($"good      {Limits}\n");
        Console.WriteLine($"{"load",-18}{"done",6}{"failed",8}{"req/s",9}{"good/s",9}{"tokens/s",11}   {"first token ms",-24}{"between tokens ms",-24}{"lag ms",10}");
        Console.WriteLine($"{"",64}{"median",8}{"p95",8}{"p99",8}{"median",8}{"p95",8}{"p99",8}{"p99",10}");
        foreach (ServeFigure f in figures)
        {
            Console.WriteLine(
                $"{f.Load,-18}{f.Answered,6}{f.Failed,8}{f.RequestRate,9:F2}{f.Goodput,9:F2}{f.TokenRate,11:F1}   {Times(f.FirstToken)}{Times(f.Gap)}{f.Lag.At(99) * Milli,10:F2}");
        }

        foreach (string failure in figures.SelectMany(static f => f.Outcomes).Select(static o => o.Failure).OfType<string>().Distinct().Take(3))
        {
            Console.WriteLine($"\nfailed: {failure}");
        }

        Console.WriteLine("\ntimes count from when a request was meant to be sent; lag is how late it was");
    }

    /// <summary>Prints one line of JSON.</summary>
    public void Json() => JsonLine.Print(json =>
    {
        json.WriteStartObject();
        json.WriteString("bench", "serve");
        json.WriteString("server", server);
        json.WriteString("model", model);
        json.WriteString("prompt_tokens", work.Prompt.ToString());
        json.WriteString("output_tokens", work.Answer.ToString());
        json.WriteNumber("shared_tokens", work.SharedTokens);
        json.WriteNumber("prefixes", work.Prefixes);
        json.WriteNumber("seed", work.Seed);
        json.Figure("slo_ttft_ms", figures[0].FirstTokenLimit * Milli, 3);
        json.Figure("slo_tpot_ms", figures[0].PerTokenLimit * Milli, 3);
        json.WriteStartArray("figures");
        foreach (ServeFigure f in figures)
        {
            json.WriteStartObject();
            json.WriteString("load", f.Load);
            json.WriteNumber("answered", f.Answered);
            json.WriteNumber("failed", f.Failed);
            json.Figure("seconds", f.Seconds, 3);
            json.Figure("requests_per_s", f.RequestRate, 3);
            json.Figure("good_requests_per_s", f.Goodput, 3);
            json.Figure("output_tokens_per_s", f.TokenRate, 1);
            json.Figure("prompt_tokens_per_s", f.PromptRate, 1);
            Spread(json, "ttft_ms", f.FirstToken);
            Spread(json, "itl_ms", f.Gap);
            Spread(json, "tpot_ms", f.PerToken);
            Spread(json, "e2e_ms", f.Whole);
            Spread(json, "lag_ms", f.Lag);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });

    /// <summary>The chart: percentiles of both latencies for each load.</summary>
    public string Chart() => SvgWriter.Write(new BarChart(
        $"lean bench serve: {model}",
        [Requests, $"goodput: {Limits}"],
        [Panel("to the first token, ms", static f => f.FirstToken), Panel("between tokens, ms", static f => f.Gap)],
        [
            .. figures.Select(static f => new BarGroup(
                f.Load,
                $"{f.RequestRate:F1} requests/s, {f.Goodput:F1} good; {f.TokenRate:F0} tokens/s{(f.Failed > 0 ? $"; {f.Failed} failed" : "")}",
                [.. ServeFigure.Percentiles.Select(p => new Bar(p == 50 ? "median" : $"p{p}", [Value(f.FirstToken.At(p)), Value(f.Gap.At(p))]))])),
        ]));

    private static string Times(ServeFigure.Spread times) => $"{times.At(50) * Milli,8:F1}{times.At(95) * Milli,8:F1}{times.At(99) * Milli,8:F1}";

    private BarPanel Panel(string title, Func<ServeFigure, ServeFigure.Spread> times) => new(
        title, double.Max(1e-9, figures.Max(f => times(f).At(99) is var t && double.IsFinite(t) ? t * Milli : 0)));

    private static BarValue Value(double seconds) => double.IsFinite(seconds) ? new BarValue(seconds * Milli, $"{seconds * Milli:F1}") : new BarValue(null, "none");

    private static void Spread(Utf8JsonWriter json, string name, ServeFigure.Spread times)
    {
        json.WriteStartObject(name);
        json.Figure("mean", times.Mean * Milli, 3);
        foreach (int p in ServeFigure.Percentiles)
        {
            json.Figure($"p{p}", times.At(p) * Milli, 3);
        }

        json.WriteEndObject();
    }
}
