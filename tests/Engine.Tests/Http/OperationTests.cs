using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Lean.Engine.Http;
using Lean.Engine.Running;

namespace Lean.Engine.Tests.Http;

/// <summary>What the server does where clients, machines or whoever runs it do the unexpected.</summary>
public sealed class OperationTests
{
    private const string Text = "/v1/completions";
    private const string Long = """{"prompt": "O", "max_tokens": 4000, "ignore_eos": true, "stream": true}""";

    // What dashboards made for vLLM ask for.
    private static readonly (string Name, string Type)[] Names =
    [
        ("vllm:num_requests_running", "gauge"), ("vllm:num_requests_waiting", "gauge"), ("vllm:kv_cache_usage_perc", "gauge"), ("vllm:num_preemptions_total", "counter"),
        ("vllm:prefix_cache_queries_total", "counter"), ("vllm:prefix_cache_hits_total", "counter"), ("vllm:prompt_tokens_total", "counter"), ("vllm:generation_tokens_total", "counter"),
        ("vllm:request_success_total", "counter"), ("vllm:time_to_first_token_seconds", "histogram"), ("vllm:inter_token_latency_seconds", "histogram"),
        ("vllm:e2e_request_latency_seconds", "histogram"), ("vllm:request_queue_time_seconds", "histogram"), ("vllm:request_prefill_time_seconds", "histogram"),
        ("vllm:request_decode_time_seconds", "histogram"), ("vllm:request_prompt_tokens", "histogram"), ("vllm:request_generation_tokens", "histogram"),
        ("vllm:request_prefill_kv_computed_tokens", "histogram"), ("vllm:iteration_tokens_total", "histogram"),
        ("vllm:spec_decode_num_drafts_total", "counter"), ("vllm:spec_decode_num_draft_tokens_total", "counter"), ("vllm:spec_decode_num_accepted_tokens_total", "counter"),
        ("vllm:spec_decode_num_accepted_tokens_per_pos_total", "counter"),
    ];

    [Fact]
    public async Task Clients_that_vanish_end_their_sequences()
    {
        await using ServerFixture server = await ServerFixture.Start();

        // One in the middle of its stream, one whose prompt is still computed, one that waits for a whole answer.
        string prompt = string.Join(',', Enumerable.Range(0, 4000).Select(static i => i % 2000));
        string[] requests = [Long, $$"""{"prompt": [{{prompt}}], "max_tokens": 90, "ignore_eos": true, "stream": true}""", Long.Replace("true}", "false}", StringComparison.Ordinal)];
        foreach (string request in requests)
        {
            using var client = new TcpClient(server.Address.Host, server.Address.Port);
            NetworkStream stream = client.GetStream();
            await stream.WriteAsync(Encoding.UTF8.GetBytes($"POST {Text} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {request.Length}\r\n\r\n{request}"), TestContext.Current.CancellationToken);
            await Until(() => server.Host.Open > 0);
            client.Close();
            await Until(() => server.Host.Open == 0);
        }

        (int status, _) = await server.Post(Text, """{"prompt": "a", "max_tokens": 1}""");
        Assert.Equal(200, status);
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_dropped_and_others_are_not()
    {
        await using ServerFixture server = await ServerFixture.Start(mostUnread: 16);
        using var client = new TcpClient { ReceiveBufferSize = 4096 };
        await client.ConnectAsync(server.Address.Host, server.Address.Port, TestContext.Current.CancellationToken);
        NetworkStream stream = client.GetStream();

        // Many choices with many alternatives: more than the buffers of two kernels hold.
        const string Body = """{"prompt": "O", "max_tokens": 3000, "ignore_eos": true, "stream": true, "n": 8, "logprobs": 20}""";
        await stream.WriteAsync(Encoding.UTF8.GetBytes($"POST {Text} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\n\r\n{Body}"), TestContext.Current.CancellationToken);
        await Until(() => server.Host.Open == 8);
        (int status, JsonElement other) = await server.Post(Text, """{"prompt": "O Romeo, Romeo!", "temperature": 0, "max_tokens": 12}""");
        Assert.Equal(200, status);
        Assert.Equal(" wherefore art thou Romeo?\nDeny thy father and", other.GetProperty("choices")[0].GetProperty("text").GetString());
        await Until(() => server.Host.Open == 0);
        string metrics = await (await server.Send(HttpMethod.Get, "/metrics")).Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains("finished_reason=\"abort\"", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_queue_says_when_to_ask_again()
    {
        using var runner = new ScriptedModel([5]);
        runner.Gate.Reset();
        await using ServerFixture server = await ServerFixture.Script(runner, "qwen3", engine: new EngineOptions { MaxQueue = 4 });
        Task<(int, JsonElement)>[] waiting = [.. Enumerable.Range(0, 20).Select(_ => server.Post(Text, """{"prompt": "a", "max_tokens": 2}"""))];
        await Until(() => server.Host.Open == 20);
        using HttpResponseMessage full = await server.Send(HttpMethod.Post, Text, ServerFixture.Json("""{"prompt": "a"}"""));
        Assert.Equal(HttpStatusCode.TooManyRequests, full.StatusCode);
        Assert.True(full.Headers.RetryAfter!.Delta >= TimeSpan.FromSeconds(1));
        runner.Gate.Set();
        Assert.All(await Task.WhenAll(waiting), static a => Assert.Equal(200, a.Item1));
    }

    [Fact]
    public async Task A_server_that_ends_finishes_what_is_under_way()
    {
        using var runner = new ScriptedModel([5]);
        runner.Gate.Reset();
        await using ServerFixture server = await ServerFixture.Script(runner, "qwen3");
        Task<List<string>> stream = server.Events(Text, """{"prompt": "a", "max_tokens": 20, "ignore_eos": true, "stream": true}""");
        await Until(() => server.Host.Open == 1);
        Task stopped = server.Stop();
        await Until(() => Refuses(server));
        Assert.False(stopped.IsCompleted);
        runner.Gate.Set();
        List<string> events = await stream;
        Assert.Equal("[DONE]", events[^1]);
        await stopped;

        static bool Refuses(ServerFixture server)
        {
            try
            {
                using var client = new TcpClient(server.Address.Host, server.Address.Port);
                return false;
            }
            catch (SocketException)
            {
                return true;
            }
        }
    }

    [Fact]
    public async Task What_takes_too_long_to_end_is_ended()
    {
        using var runner = new ScriptedModel([5]);
        runner.Gate.Reset();
        await using ServerFixture server = await ServerFixture.Script(runner, "qwen3", new ServerOptions { DrainTime = TimeSpan.FromMilliseconds(200) });
        Task<(int, JsonElement)> waiting = server.Post(Text, """{"prompt": "a", "max_tokens": 20, "ignore_eos": true}""");
        await Until(() => server.Host.Open == 1);
        Task stopped = server.Stop();
        runner.Gate.Wait(TimeSpan.FromMilliseconds(500), TestContext.Current.CancellationToken);
        runner.Gate.Set();
        await stopped;
        await Record.ExceptionAsync(() => waiting);
        await Until(() => server.Host.Open == 0);
    }

    [Fact]
    public async Task A_step_that_does_not_end_makes_the_server_ill()
    {
        using var runner = new ScriptedModel([5]);
        await using ServerFixture server = await ServerFixture.Script(runner, "qwen3", new ServerOptions { StepLimit = TimeSpan.FromMilliseconds(300) });
        Assert.Equal(HttpStatusCode.OK, await Health(server));
        runner.Gate.Reset();
        Task<(int, JsonElement)> waiting = server.Post(Text, """{"prompt": "a", "max_tokens": 2}""");
        await UntilAsync(async () => await Health(server) == HttpStatusCode.ServiceUnavailable);
        runner.Gate.Set();
        Assert.Equal(200, (await waiting).Item1);
        await UntilAsync(async () => await Health(server) == HttpStatusCode.OK);
    }

    [Fact]
    public async Task Numbers_that_are_none_end_the_request_and_make_the_server_ill()
    {
        int[] script = [.. Enumerable.Repeat(5, 2000), -1];
        using var runner = new ScriptedModel(script);
        await using ServerFixture server = await ServerFixture.Script(runner, "qwen3");
        (int status, JsonElement body) = await server.Post(Text, """{"prompt": "a", "max_tokens": 3000}""");
        Assert.Equal(500, status);
        Assert.Contains("not finite", body.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        List<string> events = await server.Events(Text, """{"prompt": "a", "max_tokens": 3000, "stream": true}""");
        Assert.Contains("not finite", events.Single(static e => e.Contains("\"error\"", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await Health(server));
    }

    [Fact]
    public async Task A_thousand_streams_hold()
    {
        await using ServerFixture server = await ServerFixture.Start();
        List<string>[] streams = await Task.WhenAll(Enumerable.Range(0, 1000).Select(
            i => server.Events(Text, $$"""{"prompt": [{{i}}, 25], "temperature": 0, "max_tokens": 4, "ignore_eos": true, "stream": true}""")));
        Assert.All(streams, static s => Assert.Equal("[DONE]", s[^1]));
        string metrics = await (await server.Send(HttpMethod.Get, "/metrics")).Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains("vllm:generation_tokens_total{model_name=\"demo\",engine=\"0\"} 4000\n", metrics, StringComparison.Ordinal);
        Assert.Contains("vllm:time_to_first_token_seconds_count{model_name=\"demo\",engine=\"0\"} 1000\n", metrics, StringComparison.Ordinal);
        Assert.Contains("vllm:num_requests_running{model_name=\"demo\",engine=\"0\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("lean:activations{model_name=\"demo\",engine=\"0\",type=\"f32\"} 1\n", metrics, StringComparison.Ordinal);
        foreach ((string name, string type) in Names)
        {
            Assert.Contains($"# TYPE {name} {type}\n", metrics, StringComparison.Ordinal);
        }
    }

    private static async Task<HttpStatusCode> Health(ServerFixture server)
    {
        using HttpResponseMessage response = await server.Send(HttpMethod.Get, "/health");
        return response.StatusCode;
    }

    private static Task Until(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (int i = 0; i < 6000; i++)
        {
            if (await condition())
            {
                return;
            }

            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        Assert.Fail("what was waited for did not come within a minute");
    }
}
