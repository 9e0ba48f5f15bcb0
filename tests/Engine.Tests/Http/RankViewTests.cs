using System.Collections.Immutable;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Lean.Comm;
using Lean.Tensors;

namespace Lean.Engine.Tests.Http;

/// <summary>What a server says of the ranks that its model runs on: health, figures, the page.</summary>
public sealed partial class RankViewTests
{
    [Fact]
    public async Task Health_fails_with_the_verdict_as_soon_as_there_is_one()
    {
        var ranks = new Stage();
        await using ServerFixture server = await ServerFixture.Start(ranks: ranks);
        Assert.Equal((200, """{"status":"ok"}"""), await Get(server, "/health"));
        ranks.Verdict = "rank 1 never submitted seq 3 (all_gather, layer 2, dispatch) of step 7; rank 0 waits there since 2.0 s";
        (int status, string body) = await Get(server, "/health");
        Assert.Equal(503, status);
        Assert.Equal(ranks.Verdict, JsonSerializer.Deserialize<JsonElement>(body).GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task Figures_are_there_for_each_rank()
    {
        await using ServerFixture server = await ServerFixture.Start(ranks: new Stage());
        (int status, string text) = await Get(server, "/metrics");
        Assert.Equal(200, status);
        const string labels = """model_name="demo",engine="0",""";
        Assert.Contains($"\nlean:rank_up{{{labels}rank=\"0\"}} 1\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nlean:rank_up{{{labels}rank=\"1\"}} 0\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nlean:rank_step{{{labels}rank=\"0\"}} 7\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nlean:rank_in_collective_seconds{{{labels}rank=\"0\"}} 1.5\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nlean:rank_in_collective_seconds{{{labels}rank=\"1\"}} 0\n", text, StringComparison.Ordinal);
        Assert.Contains("\n# TYPE lean:rank_collective_seconds histogram\n", text, StringComparison.Ordinal);

        // Rank 0 waited 3 ms each time, rank 1 never: it is the one that comes late.
        Assert.Contains($"\nlean:rank_wait_seconds_sum{{{labels}rank=\"0\"}} 0.006\nlean:rank_wait_seconds_count{{{labels}rank=\"0\"}} 2\n", text, StringComparison.Ordinal);
        Assert.Equal(0, double.Parse(Skew(0), CultureInfo.InvariantCulture));
        Assert.Equal(0.003, double.Parse(Skew(1), CultureInfo.InvariantCulture), 1e-9);

        // Buckets rise to the count, in the order of their bounds.
        (double Bound, long Count)[] buckets =
        [
            .. Bucket().Matches(text).Where(static m => m.Groups["rank"].Value == "0").Select(static m => (
                m.Groups["bound"].Value == "+Inf" ? double.PositiveInfinity : double.Parse(m.Groups["bound"].Value, CultureInfo.InvariantCulture),
                long.Parse(m.Groups["count"].Value, CultureInfo.InvariantCulture))),
        ];
        Assert.Equal(CollectiveTimes.Buckets, buckets.Length);
        Assert.Equal(buckets.Order(), buckets);
        Assert.Equal((double.PositiveInfinity, 2L), buckets[^1]);
        Assert.Equal([0L, 2L], new[] { 0.0025, 0.005 }.Select(limit => buckets.Last(b => b.Bound <= limit).Count));

        string Skew(int rank) => Regex.Match(text, $@"\nlean:rank_skew_seconds\{{[^}}]*rank=""{rank}""\}} (\S+)\n").Groups[1].Value;
    }

    [Fact]
    public async Task Each_rank_is_told_of_and_one_device_has_none()
    {
        await using ServerFixture server = await ServerFixture.Start(options: new() { ApiKeys = ["secret"] }, ranks: new Stage());
        JsonElement all = await server.Client.GetFromJsonAsync<JsonElement>(new Uri("/ranks", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal("""
            {"layout":"TP 2 × DP 1","transport":"a stage","verdict":null,"ranks":[{"rank":0,"tp":0,"dp":0,"state":"up","step":7,"seq":3,"collective":"all_gather, layer 2, dispatch","in_collective":true,"since_s":1.5,"collectives":2,"latency_s":0.004,"wait_s":0.003,"skew_s":0},{"rank":1,"tp":1,"dp":0,"state":"gone","collectives":2,"latency_s":0.001,"wait_s":0,"skew_s":0.003}]}
            """, all.GetRawText());
        await using ServerFixture alone = await ServerFixture.Start();
        Assert.Equal(404, (await Get(alone, "/ranks")).Status);
        Assert.DoesNotContain("lean:rank", (await Get(alone, "/metrics")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rank_that_stands_still_ends_requests_and_health_within_the_watchdogs_limit()
    {
        using var gate = new ManualResetEventSlim(initialState: true);
        await using ServerFixture server = await ServerFixture.OnRanks(
            new ParallelLayout(2, 1, expert: true), TimeSpan.FromSeconds(2), rank => _ = rank != 1 || gate.Wait(TimeSpan.FromMinutes(1)));
        (int status, JsonElement answer) = await server.Post("/v1/completions", """{"prompt": "JULIET:", "max_tokens": 4, "temperature": 0.9, "top_p": 0.95, "seed": 3}""");
        Assert.True(status == 200, answer.GetRawText());
        JsonElement all = await server.Client.GetFromJsonAsync<JsonElement>(new Uri("/ranks", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.All(all.GetProperty("ranks").EnumerateArray(), static rank => Assert.True(rank.GetProperty("collectives").GetInt64() > 20 && rank.GetProperty("state").GetString() == "up"));
        Assert.Equal(200, (await Get(server, "/health")).Status);

        gate.Reset();
        (status, answer) = await server.Post("/v1/completions", """{"prompt": "ROMEO:", "max_tokens": 4}""");
        gate.Set();
        Assert.True(status is >= 500 and < 600, answer.GetRawText());
        (int health, string body) = await Get(server, "/health");
        Assert.Equal(503, health);
        Assert.Matches(@"rank 1 never submitted seq \d+ \(.*\) of step \d+; rank 0 waits there since", body);
    }

    [Fact]
    public async Task The_page_has_a_row_for_each_rank()
    {
        Assert.SkipUnless(Browser.IsInstalled, "there is no chromedriver");
        var ranks = new Stage();
        await using ServerFixture server = await ServerFixture.Start(ranks: ranks);
        await using Browser browser = await Browser.Start();
        await browser.Open(server.Address);
        await browser.Until("document.querySelectorAll('#ranks-rows tr').length === 2");
        Assert.Equal("TP 2 × DP 1, a stage", await browser.Text("#ranks-layout"));
        JsonElement rows = await browser.Run("return [...document.querySelectorAll('#ranks-rows tr')].map(r => [r.className, ...[...r.children].map(c => c.textContent)].join('|'))");
        Assert.Equal(["|0|7|4.00 ms|0.00 ms", "ill|1 gone|–|1.00 ms|3.00 ms"], rows.EnumerateArray().Select(static r => r.GetString()));
        Assert.Equal(
            "TP 0, DP 0: in seq 3 (all_gather, layer 2, dispatch) of step 7 since 1.50 s", (await browser.Run("return document.querySelector('#ranks-rows tr').title")).GetString());
        ranks.Verdict = "rank 1 is gone (its process ended)";
        await browser.Until("document.querySelector('.health.ill')");
        Assert.Equal(ranks.Verdict, await browser.Text("#health span"));
    }

    private static async Task<(int Status, string Text)> Get(ServerFixture server, string path)
    {
        using HttpResponseMessage response = await server.Send(HttpMethod.Get, path);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [GeneratedRegex(@"lean:rank_collective_seconds_bucket\{[^}]*rank=""(?<rank>\d+)"",le=""(?<bound>[^""]+)""\} (?<count>\d+)")]
    private static partial Regex Bucket();

    // Rank 0 waits in a collective that rank 1, whose process has ended, never came to.
    private sealed class Stage : IRankStatus
    {
        private static readonly FlightRecord s_waits = new(
            7, 3, CollectiveKind.AllGather, GroupKind.Tensor, DType.I8, CollectivePurpose.Dispatch, 2, 1, 2, 8, 1, Submitted: 5, Reached: 5, Started: 0, Finished: 0);

        public ParallelLayout Layout { get; } = new(2, 1, expert: false);

        public string Transport => "a stage";

        public string? Verdict { get; set; }

        public ImmutableArray<RankStatus> Ranks() =>
        [
            new(0, RankState.Answered, s_waits, 1.5, Times(4_000_000), Times(3_000_000)),
            new(1, RankState.Gone, null, 0, Times(1_000_000), Times(0)),
        ];

        private static CollectiveTimes Times(long nanoseconds)
        {
            long[] counts = new long[CollectiveTimes.Buckets];
            counts[Enumerable.Range(0, counts.Length).First(b => nanoseconds * 1e-9 <= CollectiveTimes.BoundOf(b))] = 2;
            return new CollectiveTimes([.. counts], 2 * nanoseconds);
        }
    }
}
