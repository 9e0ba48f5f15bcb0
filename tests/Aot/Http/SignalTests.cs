using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace Lean.Aot.Tests.Http;

/// <summary>Signals and telemetry of the published binary.</summary>
public sealed class SignalTests
{
    private const string Long = """{"prompt": "O", "max_tokens": 1500, "ignore_eos": true, "stream": true}""";

    [Fact]
    public async Task The_first_signal_waits_for_what_is_under_way()
    {
        using var server = ServedBinary.Start("--max-sequences", "8");
        HttpResponseMessage[] streams = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Begin(server)));
        server.Signal(PosixSignal.SIGTERM);
        string[] texts = await Task.WhenAll(streams.Select(static s => s.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)));
        Assert.All(texts, static t => Assert.EndsWith("data: [DONE]\n\n", t, StringComparison.Ordinal));
        (int code, string log) = await server.Ended();
        Assert.Equal(0, code);
        Assert.Contains("Ended", log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(PosixSignal.SIGTERM, 143)]
    [InlineData(PosixSignal.SIGINT, 130)]
    public async Task The_second_signal_does_not_wait(PosixSignal signal, int expected)
    {
        using var server = ServedBinary.Start("--drain-time", "600", "--log-format", "json");
        using HttpResponseMessage stream = await Begin(server);
        server.Signal(signal);
        await Task.Delay(100, TestContext.Current.CancellationToken);
        server.Signal(signal);
        (int code, string log) = await server.Ended();

        // The stream may have ended in between, on a fast machine.
        Assert.Contains(code, (int[])[expected, 0]);
        Assert.Contains("\"Message\":\"Ending", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_killed_server_comes_back_at_once()
    {
        int port;
        using (var server = ServedBinary.Start())
        {
            port = server.Address.Port;
            using HttpResponseMessage stream = await Begin(server);
            server.Signal((PosixSignal)9);
            await server.Ended();
        }

        using var again = ServedBinary.Start("--port", $"{port}");
        Assert.Equal(port, again.Address.Port);
        using HttpResponseMessage response = await again.Client.GetAsync(new Uri("health", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Metrics_and_traces_go_where_opentelemetry_says()
    {
        using var collector = new HttpListener();
        int port = Random.Shared.Next(20_000, 30_000);
        collector.Prefixes.Add($"http://127.0.0.1:{port}/");
        collector.Start();
        using var server = ServedBinary.Start(
            [("OTEL_EXPORTER_OTLP_ENDPOINT", $"http://127.0.0.1:{port}"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_METRIC_EXPORT_INTERVAL", "200"), ("OTEL_BSP_SCHEDULE_DELAY", "200")]);
        using HttpResponseMessage stream = await Begin(server);
        bool metrics = false, traces = false;
        while (!metrics || !traces)
        {
            HttpListenerContext request = await collector.GetContextAsync().WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
            using var body = new MemoryStream();
            await request.Request.InputStream.CopyToAsync(body, TestContext.Current.CancellationToken);
            string text = Encoding.Latin1.GetString(body.ToArray());
            metrics |= request.Request.Url!.AbsolutePath == "/v1/metrics" && text.Contains("vllm.generation_tokens", StringComparison.Ordinal);
            traces |= request.Request.Url!.AbsolutePath == "/v1/traces" && text.Contains("gen_ai.usage.output_tokens", StringComparison.Ordinal);
            request.Response.Close();
        }
    }

    private static async Task<HttpResponseMessage> Begin(ServedBinary server)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("v1/completions", UriKind.Relative))
        {
            Content = new StringContent(Long, Encoding.UTF8, "application/json"),
        };
        return await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }
}
