using Lean.Engine.Bench.Serve;
using Lean.Engine.Tests.Http;
using Lean.Tensors;

namespace Lean.Engine.Tests.Bench;

/// <summary><c>lean bench serve</c>: what is sent, and what is counted.</summary>
public sealed class ServeBenchTests
{
    [Theory]
    [InlineData("128", 128, 128)]
    [InlineData("32..256", 32, 256)]
    [InlineData("~100", 1, 800)]
    public void Lengths_stay_within_what_was_asked(string text, int least, int most)
    {
        var lengths = LengthDistribution.Parse("--prompt-tokens", text);
        var random = new Random(1);
        int[] drawn = [.. Enumerable.Range(0, 2000).Select(_ => lengths.Draw(random))];
        Assert.All(drawn, n => Assert.InRange(n, least, most));
        Assert.Equal(text, lengths.ToString());
        if (text[0] == '~')
        {
            Assert.InRange(drawn.Order().ElementAt(1000), 90, 110);
        }
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-3")]
    [InlineData("9..3")]
    [InlineData("1..2..3")]
    [InlineData("~")]
    [InlineData("many")]
    public void Other_lengths_are_refused(string text) =>
        Assert.Contains($"--prompt-tokens is '{text}'", Assert.Throws<InputException>(() => LengthDistribution.Parse("--prompt-tokens", text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Prompts_begin_alike_in_groups()
    {
        ServeRequest[] requests = Work(shared: 40).Make(30);
        Assert.All(requests, static r => Assert.InRange(r.Prompt.Length, 45, 50));
        Assert.Equal(2, requests.Select(static r => string.Join(',', r.Prompt[..40])).Distinct().Count());
        Assert.Equal(30, requests.Select(static r => string.Join(',', r.Prompt)).Distinct().Count());
        Assert.Equal(requests.Select(static r => r.Prompt), Work(shared: 40).Make(30).Select(static r => r.Prompt));
    }

    [Fact]
    public void Arrivals_are_independent_and_as_many_as_asked_for()
    {
        double[] arrivals = ServeLoad.Arrivals(20_000, 50, seed: 3);
        double[] gaps = [.. arrivals.Zip(arrivals.Skip(1), static (a, b) => b - a)];
        Assert.InRange(arrivals[^1], 390, 410);
        Assert.InRange(gaps.Average(), 0.0195, 0.0205);

        // Of an exponential distribution, the standard deviation is the mean.
        Assert.InRange(Math.Sqrt(gaps.Average(g => Math.Pow(g - gaps.Average(), 2))), 0.019, 0.021);
    }

    [Fact]
    public void Times_count_from_when_a_request_was_meant_to_be_sent()
    {
        // The second was sent late, since the server was stuck; that is the server's doing.
        var figure = new ServeFigure("x", [Outcome(0, 0, 0.1, 1.1), Outcome(1, 5, 5.1, 6.1), new ServeOutcome { Intended = 2, Sent = 2, Failure = "no" }], 1, 0.2);
        Assert.Equal(4.1, figure.FirstToken.At(99), 9);
        Assert.Equal(0.1, figure.FirstToken.At(50), 9);
        Assert.Equal(4, figure.Lag.At(99), 9);
        Assert.Equal((2, 1), (figure.Answered, figure.Failed));
        Assert.Equal(6.1, figure.Seconds, 9);
        Assert.Equal(22 / 6.1, figure.TokenRate, 9);

        // One of them was good: its first token came in time, and so did the others.
        Assert.Equal(1 / 6.1, figure.Goodput, 9);
        Assert.Equal(0.1, figure.PerToken.At(50), 9);

        static ServeOutcome Outcome(double intended, double sent, double first, double last) =>
            new() { Intended = intended, Sent = sent, First = first, Last = last, Tokens = 11, PromptTokens = 5, Gaps = [last - first] };
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Every_request_is_answered_and_counted(bool isOpen)
    {
        await using ServerFixture server = await ServerFixture.Start();
        using var client = new ServeClient(server.Address, null);
        string model = await client.Model(TestContext.Current.CancellationToken);
        ServeRequest[] requests = Work(shared: 70).Make(12);
        ServeOutcome[] outcomes = isOpen
            ? await ServeLoad.Open(client, requests, ServeLoad.Arrivals(12, 200, 1), model, TestContext.Current.CancellationToken)
            : await ServeLoad.Closed(client, requests, 3, model, TestContext.Current.CancellationToken);
        Assert.All(outcomes.Zip(requests), static p =>
        {
            Assert.Null(p.First.Failure);
            Assert.Equal(p.Second.Tokens, p.First.Tokens);
            Assert.True(p.First.Intended <= p.First.Sent && p.First.Sent <= p.First.First && p.First.First <= p.First.Last);
            Assert.Equal(p.First.Last - p.First.First, p.First.Gaps.Sum(), 6);
        });
        var report = new ServeReport("here", model, Work(70), [new ServeFigure("12 at a time", outcomes, 1, 1)]);
        Assert.Contains("12 at a time", report.Chart(), StringComparison.Ordinal);
        Assert.False(report.HasFailures);
    }

    [Fact]
    public async Task What_a_server_refuses_is_a_failure_with_its_reason()
    {
        await using ServerFixture server = await ServerFixture.Start();
        using var client = new ServeClient(server.Address, null);
        ServeOutcome outcome = await client.Ask(new ServeRequest([1, 2, 3], 1_000_000), "demo", client.Now, TestContext.Current.CancellationToken);
        Assert.Contains("status 400", outcome.Failure, StringComparison.Ordinal);
    }

    private static ServeWork Work(int shared) => new()
    {
        Prompt = LengthDistribution.Parse("", "5..10"),
        Answer = LengthDistribution.Parse("", "4..9"),
        SharedTokens = shared,
        Prefixes = 2,
        Seed = 7,
    };
}
