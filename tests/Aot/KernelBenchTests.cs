using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Lean.Aot.Tests;

/// <summary><c>lean bench kernels</c> from the native binary. No test looks at how fast anything is.</summary>
public sealed class KernelBenchTests
{
    private static readonly string[] Ops =
    [
        "embedding", "add_rms_norm", "in_proj", "causal_convolution", "gated_delta_rule", "gated_rms_norm", "out_proj", "qkv_proj", "rotary_table",
        "prepare_attention", "paged_attention", "o_proj", "router", "expert_router", "grouped_experts", "shared_expert", "gather_rows", "lm_head", "greedy_pick",
        "place_rows", "accept_drafts", "follow_rows", "place_drafts", "draw_numbers",
    ];

    [Theory]
    [InlineData("cpu", "generated")]
    [InlineData("cpu", "prompt")]
    [InlineData("opencl", "generated")]
    [InlineData("opencl", "prompt")]
    public void Every_op_is_checked_and_measured(string device, string rowClass)
    {
        SkipWithoutDevice(device);
        JsonElement run = Assert.Single(LeanRun.With(DriverPath(), "bench", "kernels", "--quick", "--device", device, "--class", rowClass, "--rows", "1,67", "--json", "-").Json());
        Assert.Equal("kernels", run.GetProperty("bench").GetString());
        Assert.StartsWith(device, run.GetProperty("device_name").GetString(), StringComparison.Ordinal);
        Assert.True(run.GetProperty("quick").GetBoolean());
        Assert.Equal(device == "cpu" ? null : "device", run.GetProperty("kernel_clock").GetString());
        Assert.Equal(0, run.GetProperty("red").GetInt32());
        Assert.Equal(0, run.GetProperty("skipped").GetInt32());
        JsonElement ceilings = run.GetProperty("ceilings");
        Assert.All((string[])["read_gb_per_s", "copy_gb_per_s", "multiply_add_f32_tflop_per_s", "bytes"], name => Assert.True(ceilings.GetProperty(name).GetDouble() > 0, name));
        JsonElement[] figures = [.. run.GetProperty("figures").EnumerateArray()];
        Assert.Empty(Ops.Except(figures.Select(Name)));
        foreach (IGrouping<string, JsonElement> op in figures.GroupBy(Name))
        {
            Assert.Equal([1, 67], op.Select(static f => f.GetProperty("rows").GetInt32()));
        }

        Assert.All(figures, figure => Green(figure, device, rowClass));
    }

    [Fact]
    public void The_files_hold_what_the_table_shows()
    {
        using var folder = new TemporaryFolder();
        string json = folder.Write("run.json", "what was there before, and longer than nothing"), chart = folder.At("run.svg");
        string table = LeanRun.Of("bench", "kernels", "--quick", "--filter", "experts", "--rows", "2", "--json", json, "--chart", chart).Good().Output;
        Assert.Matches(@"(?m)^grouped_experts +16×\(128×256 \+ 256×64\), top 4$", table);
        Assert.Matches(@"(?m)^ +2 generated +[\d.]+ +[\d.]+–[\d.]+ .*experts$", table);
        Assert.DoesNotContain("in_proj", table, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', table);
        using var run = JsonDocument.Parse(File.ReadAllText(json));
        JsonElement figure = Assert.Single(run.RootElement.GetProperty("figures").EnumerateArray());
        Assert.InRange(figure.GetProperty("experts_touched").GetDouble(), 4, 8);
        Assert.Contains("grouped_experts", XDocument.Parse(File.ReadAllText(chart)).Root!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_is_put_beside_another_one_and_held_to_gates()
    {
        using var folder = new TemporaryFolder();
        string json = folder.At("run.json"), gate = folder.At("gate.json"), roofline = folder.At("roofline.svg");
        string[] run = ["bench", "kernels", "--quick", "--filter", "router", "--rows", "2"];
        LeanRun.Of([.. run, "--json", json, "--save-gate", gate, "--roofline", roofline]).Good();
        Assert.Equal("native binary", JsonDocument.Parse(File.ReadAllText(json)).RootElement.GetProperty("program").GetString());
        Assert.Contains("expert_router", XDocument.Parse(File.ReadAllText(roofline)).Root!.Value, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^ +2 +[\d.]+ +[\d.]+ +[\d.E-]+  router 17×256, native binary$", LeanRun.Of([.. run, "--peers", json]).Good().Output);

        // Whatever this machine does, it reaches a millionth of a share, and not a million times as much.
        string saved = File.ReadAllText(gate);
        LeanRun.Of([.. run, "--gate", folder.Write("low.json", Regex.Replace(saved, @"""share"":[\d.E-]+,", "\"share\":1E-9,"))]).Good();
        LeanRun fallen = LeanRun.Of([.. run, "--gate", folder.Write("high.json", Regex.Replace(saved, @"""share"":[\d.E-]+,", "\"share\":1E9,"))]);
        Assert.Equal(1, fallen.ExitCode);
        Assert.Matches(@"(?m)^router 17×256, 2 generated rows: [\d.]+ % of the ceiling, expected at least ", fallen.Error);
        Assert.Matches(@"\nlean: [12] of [12] ops fell below --gate '[^\n]*'\n$", fallen.Error);

        // What was measured once is drawn and held again, here a card's that this machine has not.
        string results = Path.Combine(Repository.Root, "bench/results/h200/kernels.json"), peers = Path.Combine(Repository.Root, "bench/peers/h200.json");
        string gates = Path.Combine(Repository.Root, "bench/gates/h200.json");
        LeanRun.Of("bench", "kernels", "--from", results, "--gate", gates, "--save-gate", gate).Good();
        Assert.Equal(Gates(gate), Gates(gates));
        LeanRun shown = LeanRun.Of("bench", "kernels", "--from", results, "--gate", gate, "--peers", peers, "--roofline", roofline).Good();
        double median = JsonDocument.Parse(File.ReadAllText(results)).RootElement.GetProperty("figures").EnumerateArray()
            .Single(static f => f.GetProperty("op").GetString() == "grouped_experts" && f.GetProperty("rows").GetInt32() == 64).GetProperty("median_us").GetDouble();
        Match line = Regex.Match(shown.Output, @"(?m)^ +64 +([\d.]+) +327 +([\d.]+)  grouped_experts .*, vLLM fused_moe$");
        Assert.Equal(median, double.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture), 1.0);
        Assert.Equal(median / 327, double.Parse(line.Groups[2].Value, CultureInfo.InvariantCulture), 0.01);
        Assert.Matches(@"(?m)^ +64 .* lm_head \+ greedy_pick .*, cuBLAS \+ torch argmax$", shown.Output);
        Assert.Contains("the fastest op of the run", File.ReadAllText(roofline), StringComparison.Ordinal);
        LeanRun.Of("bench", "kernels", "--from", results, "--rows", "1").Fails(2, "--rows has nothing to choose");
        LeanRun.Of("bench", "kernels", "--from", peers).Fails(2, "expected a run of 'lean bench kernels'");

        const string Another = "its figures are of 'NVIDIA H200', and this run is on 'cpu";
        LeanRun.Of([.. run, "--peers", peers]).Fails(2, Another);
        LeanRun.Of([.. run, "--gate", gates]).Fails(2, Another);
    }

    [Fact]
    public void Published_shapes_that_do_not_fit_are_skipped_by_name()
    {
        JsonElement run = Assert.Single(LeanRun.Of(
            "bench", "kernels", "--quick", "--model", "qwen3-next-80b-a3b", "--filter", "grouped_experts", "--rows", "1", "--memory", "64MiB", "--json").Json());
        JsonElement figure = Assert.Single(run.GetProperty("figures").EnumerateArray());
        Assert.Equal("skipped", figure.GetProperty("status").GetString());
        Assert.Contains("--memory", figure.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, figure.GetProperty("median_us").ValueKind);
        Assert.Equal("qwen3-next-80b-a3b", Assert.Single(figure.GetProperty("models").EnumerateArray()).GetString());
    }

    /// <summary>A command line, and what its sentence must name.</summary>
    public static TheoryData<string[], string> WrongUsage => new()
    {
        { ["--model", "gpt"], "--model is 'gpt', expected one of qwen3.5-35b-a3b" },
        { ["--filter", "nothing like it"], "--filter is 'nothing like it', expected a part" },
        { ["--rows", "0"], "--rows is '0', expected a whole number from 1 to 65536" },
        { ["--rows", "1,x"], "--rows is 'x'" },
        { ["--rows", "65537"], "--rows is '65537'" },
        { ["--rows"], "--rows" },
        { ["--context", "0"], "--context is '0'" },
        { ["--repeats", "0"], "--repeats is '0'" },
        { ["--class", "both"], "--class is 'both', expected generated or prompt" },
        { ["--memory", "lots"], "--memory is 'lots', expected a size such as 512MiB" },
        { ["--memory", "-1GB"], "--memory is '-1GB'" },
        { ["--memory", "1e99TB"], "--memory is '1e99TB'" },
        { ["--memory", "999TiB"], "--memory is 1,098,412,116,148,224 bytes, but cpu has" },
        { ["--device", "tpu"], "'tpu'" },
        { ["--device", "opencl:99"], "opencl:99" },
        { ["--json", "/nowhere/at/all.json"], "--json: '/nowhere/at/all.json' cannot be written: there is no such folder" },
        { ["--chart", "/proc"], "--chart: '/proc' cannot be written: it is a folder" },
        { ["--chart", ""], "--chart: '' cannot be written" },
        { ["--speed"], "--speed" },
        { ["extra"], "'extra'" },
    };

    [Theory]
    [MemberData(nameof(WrongUsage))]
    public void Wrong_usage_ends_in_one_sentence(string[] arguments, string words) =>
        LeanRun.Of(["bench", "kernels", "--quick", .. arguments]).Fails(2, words);

    [Fact]
    public void Too_little_memory_for_anything_is_told_before_anything_runs() =>
        LeanRun.Of("bench", "kernels", "--quick", "--memory", "1kB").Fails(1, "1,000 bytes of memory are too few");

    [Fact]
    public void A_file_that_is_never_written_is_not_left_behind()
    {
        using var folder = new TemporaryFolder();
        LeanRun.Of("bench", "kernels", "--quick", "--json", folder.At("new.json"), "--filter", "nothing like it").Fails(2, "--filter");
        Assert.False(File.Exists(folder.At("new.json")));
        string kept = folder.Write("old.json", "kept");
        LeanRun.Of("bench", "kernels", "--quick", "--json", kept, "--filter", "nothing like it").Fails(2, "--filter");
        Assert.Equal("kept", File.ReadAllText(kept));
    }

    private static void Green(JsonElement figure, string device, string rowClass)
    {
        string name = Name(figure);
        Assert.Equal("ok", figure.GetProperty("status").GetString());
        Assert.Equal(JsonValueKind.Null, figure.GetProperty("reason").ValueKind);
        Assert.Contains(figure.GetProperty("class").GetString(), (string?[])[null, rowClass]);
        Assert.InRange(figure.GetProperty("error").GetDouble(), 0, 2e-3);
        double least = figure.GetProperty("min_us").GetDouble(), median = figure.GetProperty("median_us").GetDouble();
        Assert.True(least > 0 && least <= median && median <= figure.GetProperty("max_us").GetDouble(), name);
        Assert.True(figure.GetProperty("repeats").GetInt32() == 2 && figure.GetProperty("launches_per_repeat").GetInt32() >= 1, name);
        Assert.Equal(figure.GetProperty("bytes").GetDouble() / median / 1e3, figure.GetProperty("gb_per_s").GetDouble(), 0.01 * figure.GetProperty("gb_per_s").GetDouble() + 1e-3);
        Assert.True(figure.GetProperty("share_of_ceiling").GetDouble() >= 0, name);
        Assert.Contains(figure.GetProperty("bound").GetString(), (string[])["memory", "arithmetic"]);
        Assert.True(figure.GetProperty("flops").GetDouble() >= 0, name);
        Assert.True(figure.GetProperty("rotated_bytes").GetInt64() >= 0, name);
        bool onDevice = device != "cpu";
        Assert.Equal(onDevice ? JsonValueKind.Number : JsonValueKind.Null, figure.GetProperty("kernel_us").ValueKind);
        Assert.Equal(onDevice, figure.GetProperty("kernels").GetInt32() > 0);
        Assert.Equal(figure.GetProperty("kernels").GetInt32(), figure.GetProperty("kernel_times").GetArrayLength());
    }

    private static string Name(JsonElement figure) => figure.GetProperty("op").GetString()!;

    private static void SkipWithoutDevice(string device) => Assert.SkipWhen(
        device != "cpu" && !LeanRun.Of("devices").Good().Output.Contains("opencl:0", StringComparison.Ordinal), "this machine has no OpenCL device");

    // PoCL links each kernel with the system's ld, which it looks for on the PATH; what it has compiled stays for other runs.
    private static (string, string)[] DriverPath() =>
    [
        ("PATH", Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin"),
        .. Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? ((string, string)[])[("HOME", home)] : [],
    ];

    // What a gate names that no run gives is never looked at.
    private static string[] Gates(string file) =>
    [
        .. JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("gates").EnumerateArray()
            .Select(static g => $"{g.GetProperty("op")} {g.GetProperty("shape")} {g.GetProperty("class")} {g.GetProperty("rows")}"),
    ];
}
