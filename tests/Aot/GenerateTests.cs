using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lean.Aot.Tests;

/// <summary><c>lean generate</c>, with the demo model beside the binary unless a test says otherwise.</summary>
public sealed partial class GenerateTests
{
    private const double CloseCall = 0.05;
    private const int EndOfTurn = 2043;

    public static TheoryData<int> Prompts => [.. Enumerable.Range(0, 10)];

    [Theory]
    [MemberData(nameof(Prompts))]
    public void Greedy_text_follows_the_reference_up_to_a_close_call(int index)
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Repository.Data("demo/greedy.json")));
        Assert.Equal(Prompts.Count, file.RootElement.GetArrayLength());
        JsonElement expected = file.RootElement[index];
        int[] ids = LeanRun.Ids(expected.GetProperty("greedy_ids"));
        string prompt = expected.GetProperty("prompt").GetString()!, tokens = $"{ids.Length}";
        JsonElement found = Assert.Single(LeanRun.Of("generate", "--json", "--ignore-eos", "--max-tokens", tokens, prompt).Json());

        int close = expected.GetProperty("top2_gap").EnumerateArray().ToList().FindIndex(static g => g.GetDouble() < CloseCall);
        int compared = close < 0 ? ids.Length : close;
        Assert.Equal(LeanRun.Ids(expected.GetProperty("prompt_ids")), LeanRun.Ids(found.GetProperty("prompt_ids")));
        Assert.Equal(ids[..compared], LeanRun.Ids(found.GetProperty("output_ids")).Take(compared));
        string text = found.GetProperty("text").GetString()!;
        if (close < 0)
        {
            // The reference's text shows control tokens.
            Assert.Equal(ControlToken().Replace(expected.GetProperty("greedy_text").GetString()!, ""), text);
        }

        Assert.Equal(text + "\n", LeanRun.Of("generate", "--ignore-eos", "--max-tokens", tokens, prompt).Good().Output);
    }

    [Fact]
    public void An_end_token_ends_the_text_and_is_not_in_it()
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Repository.Data("demo/greedy.json")));
        JsonElement expected = file.RootElement[8];
        int[] ids = LeanRun.Ids(expected.GetProperty("greedy_ids"));
        string prompt = expected.GetProperty("prompt").GetString()!, text = expected.GetProperty("greedy_text").GetString()!.Split("<|")[0];
        JsonElement found = Assert.Single(LeanRun.Of("generate", "--json", prompt).Json());
        Assert.Equal("stop", found.GetProperty("finish_reason").GetString());
        Assert.Equal(ids[..(Array.IndexOf(ids, EndOfTurn) + 1)], LeanRun.Ids(found.GetProperty("output_ids")));
        Assert.Equal(text, found.GetProperty("text").GetString());
        Assert.Equal(text + "\n", LeanRun.Of("generate", prompt).Good().Output);
    }

    [Fact]
    public void Json_has_every_field_of_the_contract()
    {
        JsonElement found = Assert.Single(LeanRun.Of("generate", "--json", "--prompt-ids", "870,266", "--max-tokens", "5").Json());
        Assert.Equal(
            ["prompt_ids", "output_ids", "text", "finish_reason", "logprobs", "seed", "timings", "speculation", "device", "host_ops", "launches", "step_tokens", "ranks", "collectives"],
            found.EnumerateObject().Select(static p => p.Name));
        Assert.Equal([870, 266], LeanRun.Ids(found.GetProperty("prompt_ids")));
        Assert.Equal(5, found.GetProperty("output_ids").GetArrayLength());
        Assert.Equal("length", found.GetProperty("finish_reason").GetString());
        Assert.All(found.GetProperty("logprobs").EnumerateArray(), static p => Assert.InRange(p.GetDouble(), -20, 0));
        Assert.Equal(["load_s", "kernels_s", "prefill_s", "decode_s", "tokens_per_s"], found.GetProperty("timings").EnumerateObject().Select(static p => p.Name));
        Assert.All(found.GetProperty("timings").EnumerateObject(), static p => Assert.True(p.Value.GetDouble() >= 0));
        Assert.Equal("""{"drafted":0,"accepted":0,"target_passes":5,"tokens_per_pass":1,"drafted_per_position":[],"accepted_per_position":[]}""", found.GetProperty("speculation").GetRawText());
        Assert.Matches(@"^cpu (avx512|avx2|scalar), \d+ threads?$", found.GetProperty("device").GetString());
        Assert.Equal(0, found.GetProperty("host_ops").GetInt32());
        Assert.Equal(0, found.GetProperty("launches").GetInt32());
        Assert.Equal(1, found.GetProperty("ranks").GetInt32());
        Assert.Equal("{}", found.GetProperty("collectives").GetRawText());
    }

    [Fact]
    public void Every_instruction_set_and_number_of_threads_gives_the_same_bits()
    {
        string[] arguments = ["generate", "--json", "--max-tokens", "48", "ROMEO:"];
        string[] declined = [.. LeanRun.Of("devices").Good().Output.Split('\n').Where(static l => l.Contains("not available", StringComparison.Ordinal))];
        string expected = Numbers(LeanRun.With([("LEAN_CPU", "scalar"), ("LEAN_THREADS", "1")], arguments));
        foreach (string set in (string[])["avx2", "avx512"])
        {
            if (!Array.Exists(declined, l => l.Contains(set, StringComparison.Ordinal)))
            {
                Assert.Equal(expected, Numbers(LeanRun.With([("LEAN_CPU", set)], arguments)));
                Assert.Equal(expected, Numbers(LeanRun.With([("LEAN_CPU", set), ("LEAN_THREADS", "3")], arguments)));
            }
        }
    }

    [Fact]
    public void A_binary_carries_every_kernel_library()
    {
        LeanRun run = LeanRun.Of("devices").Good();
        Assert.DoesNotContain("built without", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Prompts_of_a_batch_get_what_each_gets_alone()
    {
        using var folder = new TemporaryFolder();
        string[] lines =
        [
            """{"prompt":"ROMEO:\n","max_tokens":20}""", """{"prompt_ids":[870,266]}""", """{"prompt":"To be, or not to be"}""", """{"prompt":"é😀","max_tokens":1}""",
        ];
        string file = folder.Write("prompts.jsonl", string.Join('\n', lines) + "\n\n");
        JsonElement[] together = LeanRun.Of("generate", "--prompts", file, "--max-tokens", "24", "--max-step-tokens", "64", "--max-sequences", "3").Json();
        Assert.Equal([20, 24, 24, 1], together.Select(static t => t.GetProperty("output_ids").GetArrayLength()));
        for (int i = 0; i < lines.Length; i++)
        {
            string one = folder.Write($"{i}.jsonl", lines[i]);
            JsonElement alone = Assert.Single(LeanRun.Of("generate", "--json", "--prompts", one, "--max-tokens", "24").Json());
            Assert.Equal(Numbers(alone), Numbers(together[i]));
        }

        JsonElement[] ids = LeanRun.Of("generate", "--prompt-ids", "1,2,3", "--prompt-ids", "870,266", "--max-tokens", "3").Json();
        Assert.Equal(2, ids.Length);
        Assert.Equal([1, 2, 3], LeanRun.Ids(ids[0].GetProperty("prompt_ids")));
    }

    [Fact]
    public void A_folder_without_a_tokenizer_takes_ids()
    {
        string folder = Repository.Data("fixtures/qwen3.5-moe");
        JsonElement found = Assert.Single(LeanRun.Of("generate", "--model", folder, "--prompt-ids", "1,2,3", "--max-tokens", "4", "--ignore-eos", "--json").Json());
        Assert.Equal(JsonValueKind.Null, found.GetProperty("text").ValueKind);
        int[] ids = LeanRun.Ids(found.GetProperty("output_ids"));
        Assert.Equal($"{string.Join(',', ids)}\n", LeanRun.Of("generate", "--model", folder, "--prompt-ids", "1,2,3", "--max-tokens", "4", "--ignore-eos").Good().Output);
        LeanRun.Of("generate", "--model", folder, "text").Fails(2, "tokenizer.json");
    }

    [Fact]
    public void Drafts_change_nothing_but_what_is_told_of_them()
    {
        string[] arguments = ["generate", "--json", "--max-tokens", "40", "O Romeo, Romeo!"];
        JsonElement plain = Assert.Single(LeanRun.Of(arguments).Json()), drafted = Assert.Single(LeanRun.Of([.. arguments, "--speculate", "3"]).Json());
        Assert.Equal(Numbers(plain), Numbers(drafted));
        JsonElement told = drafted.GetProperty("speculation");
        int accepted = told.GetProperty("accepted").GetInt32();
        Assert.InRange(accepted, 10, told.GetProperty("drafted").GetInt32());
        Assert.Equal(drafted.GetProperty("output_ids").GetArrayLength(), accepted + told.GetProperty("target_passes").GetInt32());
    }

    [Fact]
    public void Options_that_ask_for_what_is_there_anyway_are_accepted() =>
        LeanRun.Of("generate", "--max-tokens", "1", "--temperature", "0", "--speculate", "0", "--tp", "1", "--dp", "1", "--device", "cpu", "ROMEO:").Good();

    [GeneratedRegex(@"<\|\w+\|>")]
    private static partial Regex ControlToken();

    private static string Numbers(LeanRun run) => Numbers(Assert.Single(run.Json()));

    private static string Numbers(JsonElement found) =>
        $"{found.GetProperty("output_ids").GetRawText()} {found.GetProperty("logprobs").GetRawText()} {found.GetProperty("finish_reason").GetRawText()}";
}
