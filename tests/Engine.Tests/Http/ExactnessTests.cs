using System.Globalization;
using System.Text;
using System.Text.Json;
using Lean.Engine.Running;

namespace Lean.Engine.Tests.Http;

/// <summary>The promise, over HTTP: requests of a busy server get what they get alone from an idle one, tokens and log-probabilities.</summary>
public sealed class ExactnessTests
{
    private const int Requests = 192;
    private const int AtOnce = 48;
    private const string Path = "/v1/completions";

    [Fact]
    public async Task Requests_in_company_equal_themselves_alone()
    {
        string[] requests = Make(new Random(7));
        string[] alone = new string[Requests], together = new string[Requests];

        // So little memory that whoever came last has to give its own back now and then.
        await using (ServerFixture busy = await ServerFixture.Start(new EngineOptions { CacheMemory = 3 << 20, MaxSequences = 16, MaxStepTokens = 128 }))
        {
            using var room = new SemaphoreSlim(AtOnce);
            await Task.WhenAll(Enumerable.Range(0, Requests).Select(async i =>
            {
                await room.WaitAsync(TestContext.Current.CancellationToken);
                if (i % 8 == 3)
                {
                    await Leave(busy, requests[(i * 5) % Requests], i);
                }

                together[i] = await Answer(busy, requests[i], streams: i % 3 == 0);
                room.Release();
            }));
            string metrics = await (await busy.Send(HttpMethod.Get, "/metrics")).Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.True(Figure(metrics, "vllm:num_preemptions_total") > 0, metrics);
            Assert.True(Figure(metrics, "vllm:prefix_cache_hits_total") > 0, metrics);
        }

        await using ServerFixture idle = await ServerFixture.Start();
        for (int i = 0; i < Requests; i++)
        {
            alone[i] = await Answer(idle, requests[i], streams: false);
        }

        Assert.Equal(alone, together);
    }

    private static string[] Make(Random random)
    {
        int[][] shared = [.. Enumerable.Range(0, 4).Select(i => Ids(random, 64 * (i + 1)))];
        string[] requests = new string[Requests];
        for (int i = 0; i < Requests; i++)
        {
            int[] own = Ids(random, 1 + random.Next(i % 4 == 0 ? 300 : 60)), prompt = i % 2 == 0 ? [.. shared[random.Next(4)], .. own] : own;
            string choice = (i % 4) switch
            {
                0 => "\"temperature\": 0",
                1 => string.Create(CultureInfo.InvariantCulture, $"\"temperature\": {0.5 + random.NextDouble()}, \"top_p\": 0.9, \"seed\": {random.Next()}"),
                2 => string.Create(CultureInfo.InvariantCulture, $"\"temperature\": 1, \"top_k\": 20, \"seed\": {random.Next()}, \"presence_penalty\": 0.5, \"repetition_penalty\": 1.1"),
                _ => string.Create(CultureInfo.InvariantCulture, $"\"temperature\": 0.8, \"min_p\": 0.05, \"seed\": {random.Next()}, \"n\": 2, \"stop\": [\"the\", \"\\n\\n\"]"),
            };

            // Some are so long that the others come and go, and run out of memory, beside them, however slowly they are sent.
            int tokens = i % 24 == 0 ? 600 : 8 + random.Next(92);
            requests[i] = $$"""{"prompt": [{{string.Join(',', prompt)}}], "max_tokens": {{tokens}}, "ignore_eos": {{(i % 5 < 3 ? "true" : "false")}}, "logprobs": {{i % 3}}, {{choice}}}""";
        }

        return requests;
    }

    private static int[] Ids(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(2000))];

    // The texts, tokens and log-probabilities of all choices, in one string.
    private static async Task<string> Answer(ServerFixture server, string request, bool streams)
    {
        IEnumerable<JsonElement> pieces;
        if (streams)
        {
            List<string> events = await server.Events(Path, string.Concat("{\"stream\": true, ", request.AsSpan(1)));
            pieces = events[..^1].SelectMany(static e => JsonDocument.Parse(e).RootElement.GetProperty("choices").EnumerateArray());
        }
        else
        {
            (int status, JsonElement body) = await server.Post(Path, request);
            Assert.True(status == 200, body.ToString());
            pieces = body.GetProperty("choices").EnumerateArray();
        }

        var answer = new StringBuilder();
        foreach (IGrouping<int, JsonElement> choice in pieces.GroupBy(static p => p.GetProperty("index").GetInt32()).OrderBy(static g => g.Key))
        {
            answer.Append(string.Concat(choice.Select(static p => p.GetProperty("text").GetString()))).Append('|');
            answer.AppendJoin(' ', choice.SelectMany(static p => p.GetProperty("logprobs").GetProperty("token_logprobs").EnumerateArray()).Select(static v => v.GetRawText())).Append('|');
            answer.AppendJoin(' ', choice.SelectMany(static p => p.GetProperty("logprobs").GetProperty("top_logprobs").EnumerateArray()).Select(static v => v.GetRawText())).Append('|');
            answer.AppendJoin(' ', choice.SelectMany(static p => p.GetProperty("logprobs").GetProperty("text_offset").EnumerateArray()).Select(static v => v.GetRawText())).Append('|');
            answer.AppendJoin(' ', choice.Select(static p => p.GetProperty("finish_reason").GetString()).Where(static f => f is not null)).Append('\n');
        }

        return answer.ToString();
    }

    // A client that leaves at some point of its stream.
    private static async Task Leave(ServerFixture server, string request, int after)
    {
        string longer = request.Replace("\"max_tokens\": ", "\"stream\": true, \"max_tokens\": 9", StringComparison.Ordinal);
        using HttpResponseMessage response = await server.Send(HttpMethod.Post, Path, ServerFixture.Json(longer));
        await using Stream body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await body.ReadAtLeastAsync(new byte[1 + (after * 7)], 1, throwOnEndOfStream: false, TestContext.Current.CancellationToken);
    }

    private static double Figure(string metrics, string name) =>
        double.Parse(metrics.Split('\n').First(l => l.StartsWith(name, StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);
}
