namespace Lean.Aot.Tests;

/// <summary>Bad input: one sentence that names the thing, and the right exit code.</summary>
public sealed class ErrorTests
{
    /// <summary>A command line, and what its sentence must name.</summary>
    public static TheoryData<string[], string> WrongUsage => new()
    {
        { [], "no command" },
        { ["genrate"], "'genrate'" },
        { ["generate"], "no prompt" },
        { ["generate", "a", "b"], "'b'" },
        { ["generate", "--jsno"], "--jsno" },
        { ["generate", ""], "the prompt is empty" },
        { ["generate", "a", "--prompt-ids", "1"], "exclude each other" },
        { ["generate", "a", "--max-tokens"], "--max-tokens" },
        { ["generate", "a", "--max-tokens", "0"], "--max-tokens is '0'" },
        { ["generate", "a", "--max-tokens", "many"], "--max-tokens is 'many'" },
        { ["generate", "a", "--max-step-tokens", "63"], "--max-step-tokens" },
        { ["generate", "a", "--cache-memory", "lots"], "--cache-memory is 'lots', expected a size" },
        { ["generate", "a", "--cache-memory", "1kB"], "--cache-memory is 1,000 bytes, expected at least" },
        { ["generate", "a", "--cache-memory", "300KiB", "--max-tokens", "900"], "need 15 cache blocks of 64 positions, but there are" },
        { ["generate", "a", "--model", "/nowhere"], "/nowhere" },
        { ["generate", "a", "--model", "/proc/version"], "expected the model's folder" },
        { ["generate", "a", "--device", "tpu"], "'tpu'" },
        { ["generate", "--prompt-ids", "1,x"], "1,x" },
        { ["generate", "--prompt-ids", "1,99999"], "99999" },
        { ["generate", "--prompt-ids", "-1"], "-1" },
        { ["generate", "--prompts", "/nowhere.jsonl"], "/nowhere.jsonl" },
        { ["score"], "--ids" },
        { ["score", "--ids", "/nowhere.json"], "/nowhere.json" },
        { ["score", "--ids", "/nowhere.safetensors"], "/nowhere.safetensors" },
        { ["score", "--text", "/proc/version", "--hidden"], "--logits" },
        { ["score", "--text", "/proc/version", "--mtp", "2"], "--logits" },
        { ["tokenize"], "TEXT" },
        { ["tokenize", "a", "--model", "/nowhere"], "/nowhere" },
        { ["tokenize", "--texts", "/nowhere.json"], "/nowhere.json" },
        { ["inspect", "/nowhere"], "/nowhere" },
        { ["inspect", "/proc"], "config.json" },
        { ["inspect", "--tp", "7"], "7" },
        { ["diagnose"], "DUMP" },
        { ["diagnose", "/nowhere.ring"], "/nowhere.ring" },
        { ["diagnose", "/proc/version"], "does not begin with LEANRING" },
        { ["bench"], "no command" },
        { ["bench", "decode", "--synthetic", "gpt"], "'gpt'" },
        { ["bench", "decode", "--batch", "1,x"], "'x'" },
        { ["bench", "decode", "--layers", "2"], "--synthetic" },
        { ["bench", "decode", "--profile"], "--profile times a device's kernels, and the CPU has none" },
        { ["bench", "prefill", "--profile"], "--profile times a device's kernels, and the CPU has none" },
        { ["bench", "decode", "--synthetic", "qwen3.5-0.8b", "--layers", "25"], "24" },
        { ["generate", "a", "--speculate", "8"], "--speculate is '8', expected a whole number from 0 to 7" },
        { ["generate", "a", "--speculate", "some"], "--speculate is 'some', expected a whole number from 0 to 7, or auto" },
        { ["generate", "a", "--drafter", "oracle"], "--drafter is 'oracle', expected mtp or lookup" },
        { ["bench", "serve", "--url", "nowhere"], "an address such as http" },
        { ["bench", "serve", "--rate", "2,fast"], "'2,fast'" },
        { ["bench", "serve", "--prompt-tokens", "9..3"], "'9..3'" },
        { ["bench", "serve", "--concurrency", "0"], "--concurrency" },
        { ["bench", "serve", "--chart", "/no/such/chart.svg"], "/no/such/chart.svg" },
        { ["serve", "--port", "65536"], "--port" },
        { ["serve", "--host", "example.org"], "an IP address" },
        { ["serve", "--tls-key", "key.pem"], "--tls-certificate" },
        { ["serve", "--tls-certificate", "/no/such.pem"], "/no/such.pem" },
        { ["serve", "--log-format", "xml"], "text, json" },
        { ["serve", "--max-request-size", "much"], "--max-request-size" },
        { ["serve", "--template", "/no/such.jinja"], "/no/such.jinja" },
        { ["serve", "--tp", "3"], "cannot be divided between 3 ranks" },
        { ["generate", "a", "--tp", "2", "--comm", "mpi"], "needs a launcher that starts 2 processes" },
        { ["generate", "a", "--tp", "2", "--comm", "nccl"], "NCCL connects CUDA devices, and ranks run on cpu here" },
        { ["generate", "a", "--tp", "2", "--comm", "udp"], "expected loopback, mpi, nccl or oneccl" },
        { ["generate", "a", "--tp", "2", "--watchdog", "soon"], "--watchdog is 'soon'" },
        { ["generate", "a", "--dp", "2", "--cache-memory", "1"], "--cache-memory is 1 bytes" },
        { ["generate", "a", "--tp", "8", "--dp", "9"], "72 ranks" },
    };

    [Theory]
    [MemberData(nameof(WrongUsage))]
    public void Wrong_usage_ends_in_one_sentence(string[] arguments, string words) => LeanRun.Of(arguments).Fails(2, words);

    [Fact]
    public void What_is_not_there_yet_says_so() => LeanRun
        .With([("RANK", "0"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0"), ("LOCAL_WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "29500")], "bench", "decode", "--tp", "2")
        .Fails(2, "this command on several processes (torchrun started 2) is not in this version yet");

    [Theory]
    [InlineData("LEAN_CPU", "sse9")]
    [InlineData("LEAN_THREADS", "0")]
    [InlineData("LEAN_THREADS", "many")]
    public void Environment_variables_are_checked(string name, string value) =>
        LeanRun.With([(name, value)], "generate", "a").Fails(2, $"{name} is '{value}'");

    [Theory]
    [InlineData("{\"prompt\":\"a\"}\n{\"prompt\":1}", "line 2")]
    [InlineData("{\"prompt\":\"a\",\"prompt_ids\":[1]}", "several")]
    [InlineData("{}", "none")]
    [InlineData("{\"prompt\":\"a\",\"messages\":[]}", "several")]
    [InlineData("{\"messages\":[5]}", "line 1")]
    [InlineData("[1]", "line 1")]
    [InlineData("{\"prompt\":\"a\",\"max_tokens\":0}", "max_tokens is 0")]
    [InlineData("{\"prompt_ids\":[1.5]}", "1.5")]
    [InlineData("{\"prompt\":\"\\ud800\"}", "Unicode")]
    [InlineData("not json", "not valid JSON")]
    [InlineData("\n", "holds no prompts")]
    public void A_prompt_file_is_checked_line_by_line(string text, string words)
    {
        using var folder = new TemporaryFolder();
        LeanRun.Of("generate", "--prompts", folder.Write("prompts.jsonl", text)).Fails(2, words);
    }

    [Fact]
    public void Logits_that_cannot_be_written_end_in_one_sentence()
    {
        using var folder = new TemporaryFolder();
        string ids = folder.Write("ids.json", "[1,2,3]");
        LeanRun.Of("score", "--ids", ids, "--logits", "/nowhere/out.safetensors").Fails(2, "/nowhere");
    }

    [Fact]
    public void A_full_disk_is_the_machines_fault()
    {
        LeanRun.Shell("exec \"$0\" generate a --max-tokens 1 > /dev/full").Fails(1, "writing failed");
        LeanRun.Shell("exec \"$0\" tokenize a > /dev/full").Fails(1, "writing failed");
    }

    [Fact]
    public void A_reader_that_leaves_is_no_error() =>
        Assert.Equal("", LeanRun.Shell("\"$0\" generate a --max-tokens 20 | /usr/bin/head -c 1 > /dev/null").Good().Output);

    [Fact]
    public void Too_little_memory_is_the_machines_fault() =>
        LeanRun.Of("bench", "decode", "--synthetic", "qwen3.5-397b-a17b").Fails(1, "bytes of memory");

    [Fact]
    public void Weights_that_are_not_finite_are_named()
    {
        using var folder = new TemporaryFolder();
        string source = Repository.Data("fixtures/qwen3.5-dense");
        File.Copy(Path.Combine(source, "config.json"), folder.At("config.json"));
        byte[] weights = File.ReadAllBytes(Path.Combine(source, "model.safetensors"));
        long header = BitConverter.ToInt64(weights, 0);
        weights.AsSpan((int)header + 8).Fill(0xff);
        File.WriteAllBytes(folder.At("model.safetensors"), weights);
        LeanRun run = LeanRun.Of("generate", "--model", folder.At(""), "--prompt-ids", "1,2,3", "--json");
        Assert.Equal(2, run.ExitCode);
        const string Words = "in step 1, at position 0, numbers are not finite, first in the embedding (model.embed_tokens.weight holds NaN at [0, 0])";
        Assert.Contains("\"output_ids\":[]", run.Output, StringComparison.Ordinal);
        Assert.Contains("\"finish_reason\":\"error\"", run.Output, StringComparison.Ordinal);
        Assert.Contains($"\"error\":\"{Words}\"", run.Output, StringComparison.Ordinal);
        Assert.Equal($"lean: prompt 1 of 1 ended in an error: {Words}\n", run.Error);
    }

    [Fact]
    public void A_stack_trace_comes_only_when_asked_for()
    {
        LeanRun run = LeanRun.With([("LEAN_DEBUG", "1")], "inspect", "/nowhere");
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("   at ", run.Error, StringComparison.Ordinal);
    }
}
