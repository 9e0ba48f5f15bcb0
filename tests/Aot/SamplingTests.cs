using System.Text.Json;

namespace Lean.Aot.Tests;

/// <summary><c>lean generate</c> with sampling parameters, on the demo model.</summary>
public sealed class SamplingTests
{
    /// <summary>A command line behind <c>generate a</c>, and what its sentence must name.</summary>
    public static TheoryData<string[], string> Wrong => new()
    {
        { ["--temperature", "-1"], "--temperature is '-1', expected a finite number of at least 0" },
        { ["--temperature", "nan"], "--temperature is 'nan'" },
        { ["--temperature", "1e99"], "--temperature is '1e99'" },
        { ["--temperature", "warm"], "--temperature is 'warm'" },
        { ["--top-p", "0"], "--top-p is '0', expected a number above 0 and at most 1" },
        { ["--top-p", "1.5"], "--top-p is '1.5'" },
        { ["--top-k", "-2"], "--top-k is '-2', expected a whole number of at least 1, or 0 or -1 for off" },
        { ["--top-k", "2.5"], "--top-k is '2.5'" },
        { ["--min-p", "2"], "--min-p is '2', expected a number from 0 to 1" },
        { ["--seed", "one"], "--seed is 'one', expected a whole number of 64 bits" },
        { ["--seed", "99999999999999999999"], "--seed is '99999999999999999999'" },
        { ["--repetition-penalty", "0"], "--repetition-penalty is '0', expected a finite number above 0" },
        { ["--presence-penalty", "3"], "--presence-penalty is '3', expected a number from -2 to 2" },
        { ["--frequency-penalty", "-3"], "--frequency-penalty is '-3'" },
        { ["--logit-bias", "5"], "--logit-bias is '5', expected a token id" },
        { ["--logit-bias", "5=x"], "--logit-bias is '5=x'" },
        { ["--logit-bias", "5=101"], "--logit-bias of token 5 is 101, expected a number from -100 to 100" },
        { ["--logit-bias", "5=1", "--logit-bias", "5=2"], "logit_bias names token 5 twice" },
        { ["--logit-bias", "2048=1"], "logit_bias names token 2048, expected 0 to 2047" },
        { ["--stop", ""], "stop holds an empty string" },
        { ["--stop-token-ids", "1,x"], "--stop-token-ids is '1,x'" },
        { ["--stop-token-ids", "2048"], "stop_token_ids names token 2048" },
        { ["--min-tokens", "-1"], "--min-tokens is '-1'" },
        { ["--min-tokens", "9", "--max-tokens", "8"], "min_tokens is 9, expected at most max_tokens, 8" },
        { ["--json-schema", "no.json"], "no.json" },
        { ["--json-object", "--json-schema", "no.json"], "--json-schema and --json-object exclude each other" },
        { ["--logprobs", "21"], "--logprobs is '21', expected a whole number from 0 to 20" },
    };

    /// <summary>A line of --prompts behind its prompt, and what its sentence must name.</summary>
    public static TheoryData<string, string> WrongFields => new()
    {
        { "\"temperatur\":1", "line 2: there is no field temperatur" },
        { "\"temperature\":\"hot\"", "line 2: temperature is a string, expected a finite number of at least 0" },
        { "\"temperature\":1e999", "line 2: temperature is 1e999" },
        { "\"temperature\":1,\"temperature\":2", "line 2: the field temperature stands there twice" },
        { "\"top_p\":0", "line 2: top_p is 0" },
        { "\"top_k\":1.5", "line 2: top_k is 1.5" },
        { "\"seed\":1.5", "line 2: seed is 1.5" },
        { "\"stop\":[\"a\",5]", "line 2, stop: expected a string, found a number" },
        { "\"stop\":{}", "line 2, stop: expected a string, found an object" },
        { "\"stop_token_ids\":7", "line 2, stop_token_ids: expected a list of token ids" },
        { "\"logit_bias\":[5]", "line 2: logit_bias is a list" },
        { "\"logit_bias\":{\"x\":1}", "line 2: logit_bias names 'x', expected a token id" },
        { "\"logit_bias\":{\"5\":\"1\"}", "line 2: logit_bias of token 5 is a string" },
        { "\"logprobs\":true", "line 2: logprobs is true" },
        { "\"ignore_eos\":1", "line 2: ignore_eos is 1, expected true or false" },
        { "\"response_format\":{\"type\":\"xml\"}", "line 2: response_format.type is \"xml\", expected text, json_object or json_schema" },
        { "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"not\":{}}}}", "line 2: response_format.json_schema.schema, at #: the keyword \"not\" is not supported" },
        { "\"max_tokens\":4,\"min_tokens\":5", "min_tokens of prompt 2 of 2 is 5, expected at most max_tokens, 4" },
        { "\"\\ud800\":1", "Unicode" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_parameter_out_of_range_is_one_sentence(string[] options, string words) => LeanRun.Of(["generate", "a", .. options]).Fails(2, words);

    [Theory]
    [MemberData(nameof(WrongFields))]
    public void A_field_out_of_range_is_one_sentence(string fields, string words)
    {
        using var folder = new TemporaryFolder();
        LeanRun.Of("generate", "--prompts", folder.Write("prompts.jsonl", $"{{\"prompt\":\"a\"}}\n{{\"prompt\":\"b\",{fields}}}\n")).Fails(2, words);
    }

    [Fact]
    public void Recommendations_that_are_none_are_one_sentence()
    {
        using var folder = new TemporaryFolder();
        string source = Repository.Data("fixtures/qwen3.5-moe");
        foreach (string file in Directory.GetFiles(source))
        {
            File.Copy(file, folder.At(Path.GetFileName(file)));
        }

        folder.Write("generation_config.json", """{ "top_p": 3 }""");
        LeanRun.Of("generate", "--model", folder.At(""), "--prompt-ids", "1,2").Fails(2, "generation_config.json: top_p must be a number above 0 and at most 1, found 3");
    }

    [Fact]
    public void A_seed_repeats_a_text_and_a_new_one_is_shown()
    {
        string[] arguments = ["generate", "--json", "--max-tokens", "40", "--temperature", "1", "ROMEO:"];
        JsonElement first = One(LeanRun.Of(arguments)), second = One(LeanRun.Of(arguments));
        long seed = first.GetProperty("seed").GetInt64();
        Assert.NotEqual(seed, second.GetProperty("seed").GetInt64());
        JsonElement again = One(LeanRun.Of([.. arguments, "--seed", $"{seed}"]));
        Assert.Equal(Numbers(first), Numbers(again));
        Assert.NotEqual(Numbers(first), Numbers(second));
        Assert.Equal(JsonValueKind.Null, One(LeanRun.Of("generate", "--json", "--max-tokens", "4", "--seed", "5", "ROMEO:")).GetProperty("seed").ValueKind);
    }

    [Fact]
    public void Every_instruction_set_and_number_of_threads_draws_the_same()
    {
        string[] arguments = ["generate", "--json", "--max-tokens", "64", "--ignore-eos", "--temperature", "1.2", "--top-p", "0.97", "--top-k", "0", "--min-p", "0.001", "--repetition-penalty", "1.1", "--seed", "11", "ROMEO:"];
        string expected = Numbers(One(LeanRun.With([("LEAN_CPU", "scalar"), ("LEAN_THREADS", "1")], arguments)));
        string devices = LeanRun.Of("devices").Good().Output;
        foreach (string set in (string[])["avx2", "avx512"])
        {
            if (!devices.Split('\n').Any(l => l.Contains("not available", StringComparison.Ordinal) && l.Contains(set, StringComparison.Ordinal)))
            {
                Assert.Equal(expected, Numbers(One(LeanRun.With([("LEAN_CPU", set), ("LEAN_THREADS", "3")], arguments))));
            }
        }
    }

    [Fact]
    public void A_request_gets_the_same_alone_and_among_31_others()
    {
        using var folder = new TemporaryFolder();
        string[] temperatures = ["0", "0.3", "0.7", "1", "1.5", "2"];
        string[] lines = [.. Enumerable.Range(0, 32).Select(i =>
            $$"""{"prompt":"{{(i % 3 == 0 ? "ROMEO:" : i % 3 == 1 ? "To be, or not to be" : "é")}}","temperature":{{temperatures[i % 6]}},"seed":{{i / 2}},"top_p":{{(i % 4 == 0 ? "0.8" : "1")}},"stop":{{(i % 5 == 0 ? "\"e\"" : "[\"you\",\"\\n\\n\"]")}},"max_tokens":{{12 + i}}}""")];
        JsonElement[] together = LeanRun.Of("generate", "--prompts", folder.Write("all.jsonl", string.Join('\n', lines)), "--max-step-tokens", "64").Json();
        Assert.Equal(32, together.Length);
        foreach (int i in (int[])[0, 1, 4, 5, 8, 9, 15, 16, 23, 29, 30, 31])
        {
            Assert.Equal(Numbers(One(LeanRun.Of("generate", "--json", "--prompts", folder.Write("one.jsonl", lines[i])))), Numbers(together[i]));
        }
    }

    [Fact]
    public void A_stop_string_ends_the_text_and_the_stream_alike()
    {
        string[] arguments = ["generate", "--ignore-eos", "--max-tokens", "60", "ROMEO:"];
        string whole = One(LeanRun.Of([.. arguments, "--json"])).GetProperty("text").GetString()!;

        // From the middle of a word into the next: no token is that.
        int at = whole.IndexOf(' ', 20);
        string stop = whole[(at - 2)..(at + 3)], expected = whole[..whole.IndexOf(stop, StringComparison.Ordinal)];
        string[] stopped = [.. arguments, "--stop", stop, "--stop", "no such text"];
        JsonElement found = One(LeanRun.Of([.. stopped, "--json"]));
        Assert.Equal((expected, "stop"), (found.GetProperty("text").GetString(), found.GetProperty("finish_reason").GetString()));
        Assert.Equal(expected + "\n", LeanRun.Of(stopped).Good().Output);
        Assert.InRange(found.GetProperty("output_ids").GetArrayLength(), 1, 59);
        Assert.Equal(whole + "\n", LeanRun.Of([.. arguments, "--stop", "no such text"]).Good().Output);
    }

    [Fact]
    public void Stop_ids_and_min_tokens_and_biases_do_as_they_say()
    {
        JsonElement free = One(LeanRun.Of("generate", "--json", "--ignore-eos", "--max-tokens", "20", "ROMEO:"));
        int[] ids = LeanRun.Ids(free.GetProperty("output_ids"));
        JsonElement stopped = One(LeanRun.Of("generate", "--json", "--ignore-eos", "--max-tokens", "20", "--stop-token-ids", $"{ids[4]},{ids[5]}", "ROMEO:"));
        Assert.Equal(ids[..(Array.FindIndex(ids, t => t == ids[4] || t == ids[5]) + 1)], LeanRun.Ids(stopped.GetProperty("output_ids")));
        Assert.Equal("stop", stopped.GetProperty("finish_reason").GetString());
        JsonElement longer = One(LeanRun.Of("generate", "--json", "--ignore-eos", "--max-tokens", "20", "--stop-token-ids", $"{ids[4]},{ids[5]}", "--min-tokens", "10", "ROMEO:"));
        Assert.DoesNotContain(ids[4], LeanRun.Ids(longer.GetProperty("output_ids")).Take(10));
        Assert.InRange(longer.GetProperty("output_ids").GetArrayLength(), 11, 20);
        JsonElement forced = One(LeanRun.Of("generate", "--json", "--max-tokens", "5", "--logit-bias", "7=100", "ROMEO:"));
        Assert.Equal([7, 7, 7, 7, 7], LeanRun.Ids(forced.GetProperty("output_ids")));
    }

    [Fact]
    public void Alternatives_are_listed_by_falling_probability()
    {
        JsonElement found = One(LeanRun.Of("generate", "--json", "--max-tokens", "6", "--logprobs", "4", "ROMEO:"));
        JsonElement[] listed = [.. found.GetProperty("top_logprobs").EnumerateArray()];
        int[] ids = LeanRun.Ids(found.GetProperty("output_ids"));
        Assert.Equal(ids.Length, listed.Length);
        for (int i = 0; i < ids.Length; i++)
        {
            double[] values = [.. listed[i].EnumerateArray().Select(static a => a.GetProperty("logprob").GetDouble())];
            Assert.Equal(values.OrderDescending(), values);
            Assert.Equal(4, values.Length);

            // Greedy: the first is the one chosen.
            Assert.Equal(ids[i], listed[i][0].GetProperty("id").GetInt32());
            Assert.Equal(found.GetProperty("logprobs")[i].GetDouble(), values[0]);
        }

        Assert.Contains(listed[0][0].GetProperty("token").GetString()!.Trim(), found.GetProperty("text").GetString()!, StringComparison.Ordinal);
        Assert.False(One(LeanRun.Of("generate", "--json", "--max-tokens", "1", "ROMEO:")).TryGetProperty("top_logprobs", out _));
    }

    [Fact]
    public void Stop_strings_need_a_tokenizer() => LeanRun.Of(
        "generate", "--model", Repository.Data("fixtures/qwen3.5-moe"), "--prompt-ids", "1,2", "--stop", "x").Fails(2, "stop strings need the model's tokenizer.json");

    private static JsonElement One(LeanRun run) => Assert.Single(run.Json());

    private static string Numbers(JsonElement found) =>
        $"{found.GetProperty("output_ids").GetRawText()} {found.GetProperty("logprobs").GetRawText()} {found.GetProperty("finish_reason").GetRawText()} {found.GetProperty("text").GetRawText()}";
}
