using System.Text;
using System.Text.Json;

namespace Lean.Aot.Tests.Ranks;

/// <summary>Ranks that are processes: what threads give, and what becomes of requests where one of them is lost.</summary>
public sealed class RankTests
{
    // Seconds: what waits for the watchdog does not wait long, and what does not is not to meet it on a busy machine.
    private const string Soon = "3", Never = "60";

    private static readonly string s_fixture = Path.Combine(Repository.Root, "tests/Engine.Tests/Data/fixtures/qwen3.5-moe");

    [Theory]
    [InlineData(2, "--tp", "2")]
    [InlineData(2, "--dp", "2")]
    [InlineData(4, "--tp", "2", "--dp", "2", "--ep", "--speculate", "2")]
    public async Task Processes_give_what_threads_give_and_rank_0_alone_prints(int ranks, params string[] layout)
    {
        string[] arguments =
        [
            "generate", "--model", s_fixture, "--prompt-ids", "1,2,3,4,5,6,7", "--prompt-ids", "9,8,7", "--prompt-ids", "4,5", "--ignore-eos", "--max-tokens", "8",
            "--cache-memory", "4MiB", "--temperature", "0.7", "--top-p", "0.9", "--seed", "3", "--json", .. layout,
        ];
        LeanRun threads = LeanRun.Of(arguments), processes = await MpiRun.Of(ranks, arguments);
        Assert.True(processes.ExitCode == 0, processes.Error);
        Assert.Contains("loopback, since no launcher", threads.Error, StringComparison.Ordinal);
        Assert.Contains($"mpi, since mpirun started {ranks} processes", processes.Error, StringComparison.Ordinal);
        JsonElement[] expected = Lines(threads), found = Lines(processes);
        Assert.Equal([3, 3], [expected.Length, found.Length]);
        for (int i = 0; i < expected.Length; i++)
        {
            foreach (string name in (string[])["prompt_ids", "output_ids", "logprobs", "finish_reason", "ranks", "collectives", "model_bytes", "rank_bytes"])
            {
                Assert.Equal(expected[i].GetProperty(name).GetRawText(), found[i].GetProperty(name).GetRawText());
            }
        }

        Assert.Equal(ranks, found[0].GetProperty("rank_bytes").GetArrayLength());
        Assert.All(Enumerable.Range(0, ranks), rank => Assert.Contains($"rank {rank}: ", processes.Error, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(2, "KILL", @"rank 2 is gone \(its process ended\)")]
    [InlineData(3, "STOP", @"rank 3 does not answer since \d+\.\d s \(stopped, or out of reach\)")]
    public async Task A_worker_that_is_lost_ends_streams_with_the_verdict(int rank, string signal, string why)
    {
        using MpiRun run = Serve(signal == "KILL" ? Never : Soon);
        using HttpClient client = await run.Client();
        using HttpResponseMessage answer = await Begin(client, tokens: 3000);
        Assert.True(answer.IsSuccessStatusCode);
        run.Signal(rank, signal);
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Matches($"the engine failed: {why}; .*seq \\d+ \\(.*\\) of step \\d+", text[int.Max(0, text.IndexOf("{\"error\"", StringComparison.Ordinal))..]);
        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
        string[] dumps = run.Dumps;
        Assert.NotEmpty(dumps);
        Assert.Matches($"rank {rank} (is gone|does not answer)", LeanRun.Of("diagnose", dumps[0]).Output);
        if (signal == "STOP")
        {
            run.Signal(rank, "KILL");
        }

        LeanRun ended = await run.Ended();
        Assert.NotEqual(0, ended.ExitCode);
        Assert.Matches(why, ended.Error);

        // Nobody answers any more, or says that it is ill.
        try
        {
            using HttpResponseMessage health = await client.GetAsync(new Uri("health", UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(503, (int)health.StatusCode);
        }
        catch (HttpRequestException)
        {
        }
    }

    [Fact]
    public async Task A_worker_that_stops_while_nobody_asks_anything_is_noticed_all_the_same()
    {
        using MpiRun run = Serve(Soon);
        using HttpClient client = await run.Client();
        run.Signal(3, "STOP");
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        while (!run.Errors.Contains("does not answer", StringComparison.Ordinal))
        {
            await Task.Delay(50, patience.Token);
        }

        run.Signal(3, "KILL");
        LeanRun ended = await run.Ended();
        Assert.NotEqual(0, ended.ExitCode);
        Assert.Matches(@"rank 3 does not answer since \d+\.\d s \(stopped, or out of reach\)", ended.Error);
        Assert.Contains(run.Dumps, static dump => LeanRun.Of("diagnose", dump).Output.StartsWith("rank 3 does not answer", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(2, "--tp", "2")]
    [InlineData(4, "--tp", "2", "--dp", "2", "--ep")]
    public async Task Processes_score_what_threads_score(int ranks, params string[] layout)
    {
        using var folder = new TemporaryFolder();
        string ids = folder.Write("ids.json", $"[{string.Join(',', Enumerable.Range(1, 90))}]");
        string[] Arguments(string name) => ["score", "--model", s_fixture, "--ids", ids, "--logits", folder.At(name), "--hidden", "--mtp", "2", .. layout];
        LeanRun threads = LeanRun.Of(Arguments("threads")).Good(), processes = await MpiRun.Of(ranks, Arguments("processes"));
        Assert.True(processes.ExitCode == 0, processes.Error);
        Assert.Equal(threads.Output, processes.Output);
        Assert.True(File.ReadAllBytes(folder.At("threads")).AsSpan().SequenceEqual(File.ReadAllBytes(folder.At("processes"))), "the files differ");
    }

    [Fact]
    public async Task A_lost_coordinator_is_named_by_every_worker()
    {
        using MpiRun run = Serve(Never);
        using HttpClient client = await run.Client();
        using HttpResponseMessage answer = await Begin(client, tokens: 3000);
        run.Signal(0, "KILL");
        LeanRun ended = await run.Ended();
        Assert.NotEqual(0, ended.ExitCode);
        Assert.Contains("lean: the coordinator is lost: rank 0 is gone (its process ended)", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SIGTERM_to_rank_0_lets_streams_end_and_then_all_ranks()
    {
        using MpiRun run = Serve(Never);
        using HttpClient client = await run.Client();
        using HttpResponseMessage answer = await Begin(client, tokens: 40);
        run.Signal(0, "TERM");
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains("\"finish_reason\":\"length\"", text, StringComparison.Ordinal);
        LeanRun ended = await run.Ended();
        Assert.True(ended.ExitCode == 0, ended.Error);
        Assert.Empty(run.Dumps);
    }

    [Fact]
    public async Task SIGTERM_to_rank_0_of_a_long_generation_ends_all_ranks()
    {
        using MpiRun run = MpiRun.Start(2, "generate", "a", "--ignore-eos", "--max-tokens", "4000", "--tp", "2");
        while (!run.Errors.Contains("replicas on ranks", StringComparison.Ordinal))
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        run.Signal(0, "TERM");
        LeanRun ended = await run.Ended();
        Assert.Equal(143, ended.ExitCode);
        Assert.Empty(run.Dumps);
    }

    [Fact]
    public async Task A_layout_of_another_number_of_ranks_is_refused_by_all()
    {
        LeanRun ended = await MpiRun.Of(2, "generate", "a", "--tp", "2", "--dp", "2");
        Assert.NotEqual(0, ended.ExitCode);
        Assert.Contains("TP 2 × DP 2 needs 4 processes, but mpirun started 2", ended.Error, StringComparison.Ordinal);
        ended = await MpiRun.Of(2, "generate", "a");
        Assert.NotEqual(0, ended.ExitCode);
        Assert.Contains("mpirun started 2 processes, but --tp 1 --dp 1 is one rank", ended.Error, StringComparison.Ordinal);
        Assert.Equal("", ended.Output);
    }

    private static MpiRun Serve(string watchdog) => MpiRun.Start(4, "serve", "--port", "0", "--tp", "2", "--dp", "2", "--ep", "--cache-memory", "8MiB", "--watchdog", watchdog);

    private static async Task<HttpResponseMessage> Begin(HttpClient client, int tokens)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("v1/completions", UriKind.Relative))
        {
            Content = new StringContent($$"""{"prompt": "O", "max_tokens": {{tokens}}, "ignore_eos": true, "stream": true}""", Encoding.UTF8, "application/json"),
        };
        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    private static JsonElement[] Lines(LeanRun run) => [.. run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonSerializer.Deserialize<JsonElement>(line.Trim()))];
}
