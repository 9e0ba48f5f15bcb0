using System.Text.Json;

namespace Lean.Aot.Tests;

/// <summary>The smaller commands, and help.</summary>
public sealed class CommandTests
{
    [Theory]
    [InlineData]
    [InlineData("generate")]
    [InlineData("score")]
    [InlineData("tokenize")]
    [InlineData("render")]
    [InlineData("inspect")]
    [InlineData("devices")]
    [InlineData("kernels")]
    [InlineData("selftest")]
    [InlineData("bench")]
    [InlineData("bench", "decode")]
    [InlineData("bench", "prefill")]
    [InlineData("bench", "kernels")]
    [InlineData("serve")]
    public void Every_command_has_help(params string[] command)
    {
        LeanRun run = LeanRun.Of([.. command, "--help"]).Good();
        Assert.Contains("Usage:", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Tokenize_prints_ids()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal("[405,308,220,2043]\n", LeanRun.Of("tokenize", "To be <|im_end|>").Good().Output);
        Assert.Equal("[]\n", LeanRun.Of("tokenize", "").Good().Output);
        Assert.Equal("[[405,308],[],[2043]]\n", LeanRun.Of("tokenize", "--texts", folder.Write("t.json", """["To be","","<|im_end|>"]""")).Good().Output);
        LeanRun.Of("tokenize", "--", "--json").Good();
        LeanRun.Of("tokenize", "@file").Good();
    }

    [Fact]
    public void Tokenize_reads_only_the_tokenizer()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(Repository.Root, "Engine/Demo/tokenizer.json"), folder.At("tokenizer.json"));
        Assert.Equal("[405,308]\n", LeanRun.Of("tokenize", "--model", folder.At(""), "To be").Good().Output);
    }

    [Fact]
    public void Inspect_describes_the_demo()
    {
        Assert.Contains("every tensor is there and fits", LeanRun.Of("inspect").Good().Output, StringComparison.Ordinal);
        JsonElement found = Assert.Single(LeanRun.Of("inspect", Path.Combine(Repository.Root, "Engine/Demo"), "--tp", "2", "--json").Json());
        Assert.Equal("qwen3_5_moe", found.GetProperty("model_type").GetString());
        Assert.Equal(4, found.GetProperty("layers").GetInt32());
        Assert.Equal(1, found.GetProperty("attention_layers").GetInt32());
        Assert.Equal(1, found.GetProperty("mtp_layers").GetInt32());
        Assert.Equal(2048, found.GetProperty("tokenizer_tokens").GetInt32());
        Assert.Equal(2, found.GetProperty("files").GetInt32());
        long[] ranks = [.. found.GetProperty("rank_bytes").EnumerateArray().Select(static r => r.GetInt64())];
        Assert.Equal(2, ranks.Length);
        Assert.All(ranks, r => Assert.InRange(r, found.GetProperty("model_bytes").GetInt64() / 2, found.GetProperty("model_bytes").GetInt64()));
    }

    [Fact]
    public void Devices_says_what_is_in_use()
    {
        string found = LeanRun.With([("LEAN_CPU", "scalar"), ("LEAN_THREADS", "1")], "devices").Good().Output;
        Assert.Contains("scalar: in use", found, StringComparison.Ordinal);
        Assert.Contains("threads: 1 in use", found, StringComparison.Ordinal);
        Assert.Contains("LEAN_CPU=scalar, LEAN_THREADS=1", found, StringComparison.Ordinal);

        // Each kind of device is listed, or why there is none.
        Assert.All((string[])["cuda", "opencl", "ze"], kind => Assert.Matches($"(?m)^{kind}(:0)? +.", found));

        // The shim is in the binary: what it says of a library is the library's name or why it cannot be loaded.
        Assert.Matches("(?m)^comm    loopback: ", found);
        Assert.Matches("(?m)^        mpi: (Open MPI|not available: MPI \\(libmpi|not available: this MPI is)", found);
        Assert.Matches("(?m)^        nccl: (NCCL [0-9]|not available: NCCL \\(libnccl)", found);
        Assert.Matches("(?m)^        oneccl: (oneCCL [0-9]|not available: oneCCL \\(libccl)", found);
    }

    [Fact]
    public void Bench_reports_decode_figures()
    {
        JsonElement found = Assert.Single(LeanRun.Of("bench", "decode", "--batch", "1,3", "--tokens", "4", "--json").Json());
        Assert.Equal([1, 3], found.GetProperty("figures").EnumerateArray().Select(static f => f.GetProperty("batch").GetInt32()));
        Assert.All(found.GetProperty("figures").EnumerateArray(), static f => Assert.True(f.GetProperty("tokens_per_s").GetDouble() > 0));
        Assert.True(found.GetProperty("read_gb_per_s").GetDouble() > 0.1);

        // Where there is a second thread, how far its core lies.
        bool shares = found.GetProperty("device").GetString()!.EndsWith(" threads", StringComparison.Ordinal);
        Assert.All(found.GetProperty("figures").EnumerateArray(), f => Assert.Equal(shares, f.TryGetProperty("line_round_trip_us", out JsonElement trip) && trip.GetDouble() > 0));
    }

    [Fact]
    public void Bench_reports_prefill_figures()
    {
        JsonElement found = Assert.Single(LeanRun.Of("bench", "prefill", "--tokens", "64,65", "--json").Json());
        Assert.Equal([64, 65], found.GetProperty("figures").EnumerateArray().Select(static f => f.GetProperty("tokens").GetInt32()));
        Assert.Contains("tokens/s", LeanRun.Of("bench", "prefill").Good().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Bench_builds_models_of_random_weights()
    {
        JsonElement found = Assert.Single(LeanRun.Of("bench", "prefill", "--synthetic", "qwen3.5-0.8b", "--layers", "1", "--tokens", "8", "--json").Json());
        Assert.Equal("qwen3.5-0.8b", found.GetProperty("model").GetString());
        Assert.Equal(1, found.GetProperty("layers").GetInt32());
    }
}
