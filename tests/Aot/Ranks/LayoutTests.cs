using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;

namespace Lean.Aot.Tests.Ranks;

/// <summary>
/// Every layout on processes that mpirun started: requests among others, with drafts, have the bits that each has alone, without
/// drafts, where ranks are threads; and greedy ones the text of one device.
/// </summary>
public sealed class LayoutTests : IDisposable
{
    // How near the best two tokens must be for sums of another order to swap them.
    private const double Near = 1e-3;

    private static readonly string[] s_fixtures = ["qwen3-next-moe", "qwen3.5-moe", "qwen3.5-dense"];
    private static readonly ConcurrentDictionary<string, JsonElement[]> s_oneDevice = new();

    private readonly TemporaryFolder _folder = new();

    /// <summary>1, 2 and 4 ranks a replica, of 1, 2 and 4 replicas, with and without expert parallelism. One rank is no process among others.</summary>
    public static TheoryData<int, int, bool> All
    {
        get
        {
            var data = new TheoryData<int, int, bool>();
            foreach (int tensor in (int[])[1, 2, 4])
            {
                foreach (int replicas in (int[])[1, 2, 4])
                {
                    if (tensor * replicas > 1)
                    {
                        data.Add(tensor, replicas, false);
                        data.Add(tensor, replicas, true);
                    }
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_layout_of_processes_gives_what_threads_give(int tensor, int replicas, bool expert)
    {
        string prompts = _folder.Write("prompts.jsonl", Prompts());
        string[] layout = ["--tp", Text(tensor), "--dp", Text(replicas), .. expert ? ["--ep"] : Array.Empty<string>()];
        string[] drafts = ["--speculate", "2", "--drafter", expert && replicas == 4 ? "lookup" : "mtp"];
        foreach (string model in (string[])["demo", .. s_fixtures])
        {
            string[] arguments =
            [
                "generate", .. model == "demo" ? Array.Empty<string>() : ["--model", Path.Combine(Repository.Root, "tests/Engine.Tests/Data/fixtures", model)],
                "--prompts", prompts, "--ignore-eos", "--max-tokens", "8", "--cache-memory", "4MiB", "--json",
            ];
            JsonElement[] alone = Lines(LeanRun.Of([.. arguments, "--max-sequences", "1", .. layout]));
            LeanRun run = await MpiRun.Of(tensor * replicas, [.. arguments, .. layout, .. drafts]);
            Assert.True(run.ExitCode == 0, $"{model}: {run.Error}");
            JsonElement[] found = Lines(run), oneDevice = s_oneDevice.GetOrAdd(model, _ => Lines(LeanRun.Of(arguments)));
            Assert.Equal(4, found.Length);
            for (int i = 0; i < found.Length; i++)
            {
                foreach (string name in (string[])["prompt_ids", "output_ids", "logprobs", "top_logprobs", "finish_reason", "ranks", "model_bytes", "rank_bytes"])
                {
                    Assert.Equal((model, i, alone[i].GetProperty(name).GetRawText()), (model, i, found[i].GetProperty(name).GetRawText()));
                }

                if (i != 1)
                {
                    MustBeText(oneDevice[i], found[i], $"{model}, request {i}");
                }
            }

            Assert.Equal(tensor * replicas, found[0].GetProperty("rank_bytes").GetArrayLength());
        }
    }

    public void Dispose() => _folder.Dispose();

    // Of several cells, drawn, of one token, with a penalty.
    private static string Prompts()
    {
        var random = new Random(5);
        string Ids(int count) => string.Join(',', Enumerable.Range(0, count).Select(_ => random.Next(1, 250)));
        return $$"""
            {"prompt_ids": [{{Ids(37)}}], "logprobs": 2}
            {"prompt_ids": [{{Ids(70)}}], "temperature": 0.8, "top_p": 0.9, "seed": 5, "logprobs": 3}
            {"prompt_ids": [7], "logprobs": 2}
            {"prompt_ids": [{{Ids(12)}}], "repetition_penalty": 1.2, "logprobs": 2}

            """;
    }

    private static void MustBeText(JsonElement expected, JsonElement found, string where)
    {
        int[] tokens = LeanRun.Ids(expected.GetProperty("output_ids")), others = LeanRun.Ids(found.GetProperty("output_ids"));
        Assert.Equal(tokens.Length, others.Length);
        for (int i = 0; i < tokens.Length; i++)
        {
            if (tokens[i] != others[i])
            {
                JsonElement best = expected.GetProperty("top_logprobs")[i];
                double gap = best[0].GetProperty("logprob").GetDouble() - best[1].GetProperty("logprob").GetDouble();
                Assert.True(gap < Near, $"{where}: token {i} is {others[i]}, expected {tokens[i]}, which was ahead by {gap}");
                return;
            }

            Assert.Equal(expected.GetProperty("logprobs")[i].GetDouble(), found.GetProperty("logprobs")[i].GetDouble(), Near);
        }
    }

    private static JsonElement[] Lines(LeanRun run)
    {
        Assert.True(run.ExitCode == 0, run.Error);
        return [.. run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonSerializer.Deserialize<JsonElement>(line.Trim()))];
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
