using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lean.Aot.Tests;

/// <summary>Devices beside the CPU: the native binary finds OpenCL at run time, or does without.</summary>
public sealed class DeviceTests
{
    private static readonly string[] Ops = ["embedding", "add_rms_norm", "linear", "gated_delta_rule, prompt", "gated_delta_rule, generated", "expert_router", "grouped_experts", "gated_mlp", "greedy_pick", "adjust_logits", "sample_tokens", "log_probabilities", "top_log_probabilities", "demo"];

    [Fact]
    public void Kernels_of_every_target_are_in_the_binary()
    {
        string[] lines = LeanRun.Of("kernels").Good().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("opencl", lines[0], StringComparison.Ordinal);
        Assert.Contains("sm_80", lines[0], StringComparison.Ordinal);
        Assert.Contains("sm_90", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, l => l.StartsWith("linear_generated_bf16", StringComparison.Ordinal));

        // A kernel is for every device, or for NVIDIA's instructions and for nobody else.
        Assert.All(lines[1..], line =>
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            (string opencl, string[] cuda, string spirv) = (words[1], words[2..5], words[5]);
            Assert.Equal(opencl, spirv);
            Assert.True(opencl == "yes" ? cuda is ["yes", "yes", "-"] : cuda.Contains("yes"), line);
        });
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("opencl")]
    public void The_native_binary_passes_its_own_test(string device)
    {
        Assert.SkipWhen(device != "cpu" && !LeanRun.Of("devices").Good().Output.Contains("opencl:0", StringComparison.Ordinal), "this machine has no OpenCL device");
        string found = LeanRun.With(Path(), "selftest", "--device", device).Good().Output;
        Assert.StartsWith(device[..3], found, StringComparison.Ordinal);
        Assert.All(Ops, op => Assert.Matches($@"(?m)^{op} +ok ", found));
    }

    [Fact]
    public void The_self_test_of_some_ops_is_of_those_alone()
    {
        string[] lines = LeanRun.Of("selftest", "--filter", "RMS_norm").Good().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] ops = [.. lines[1..].Select(l => l.Split(' ')[0])];
        Assert.Contains("add_rms_norm", ops);
        Assert.Contains("gated_rms_norm", ops);
        Assert.All(ops, op => Assert.Contains("rms_norm", op, StringComparison.Ordinal));
        Assert.Equal("demo", Assert.Single(LeanRun.Of("selftest", "--filter", "demo").Good().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..]).Split(' ')[0]);
        Assert.Matches("^eight_bit_linear +ok +24 calls, error 0 of 0$", LeanRun.Of("selftest", "--filter", "eight_bit").Good().Output.TrimEnd().Split('\n')[^1]);
        if (LeanRun.Of("devices").Good().Output.Contains("opencl:0", StringComparison.Ordinal))
        {
            LeanRun.With(Path(), "selftest", "--device", "opencl", "--filter", "eight_bit").Fails(2, "--filter chooses what ");
        }

        LeanRun.Of("selftest", "--filter", "nothing").Fails(2, "--filter is 'nothing', expected a part of an op's name; the ops are embedding, ");
    }

    [Fact]
    public void What_connects_ranks_is_tried_timed_and_drilled()
    {
        string[] lines = LeanRun.Of("selftest", "--tp", "2", "--drill", "--watchdog", "1").Good().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("TP 2 × DP 1 by loopback", lines[0]);
        Assert.Matches("^self-test +ok +28 collectives$", lines[1]);
        Assert.All(lines[2..^1], static line => Assert.Matches(@"^(all_reduce|all_gather|reduce_scatter|all_to_all|broadcast) (f32|bf16) over world \{0, 1\} +ok +\d+ × 2048: +\d+\.\d µs$", line));
        Assert.Matches(@"^drill +ok +after \d+\.\d s every rank ends with: rank 1 never submitted seq 1 \(all_reduce\) of step \d+; rank 0 waits there", lines[^1]);
        if (LeanRun.Of("devices").Good().Output.Contains("opencl:0", StringComparison.Ordinal))
        {
            Assert.StartsWith("TP 2 × DP 1 by loopback, through host memory\n", LeanRun.With(Path(), "selftest", "--tp", "2", "--device", "opencl").Good().Output, StringComparison.Ordinal);
        }

        LeanRun.Of("selftest", "--drill").Fails(2, "--drill lets a rank stay away from the others, expected --tp or --dp of 2 or more");
        LeanRun.Of("selftest", "--tp", "2", "--filter", "rms").Fails(2, "--filter and --shard choose among kernels, and TP 2 × DP 1 checks what connects ranks: leave them out");
    }

    [Fact]
    public void Shards_of_the_self_test_have_every_call_between_them()
    {
        int all = Calls();
        Assert.InRange(Calls("--shard", "1/3"), 1, all - 1);
        Assert.Equal(all, Enumerable.Range(1, 3).Sum(i => Calls("--shard", $"{i}/3")));
        foreach (string wrong in (string[])["0/3", "4/3", "3", "1/0", "a/b", "1/2/3"])
        {
            LeanRun.Of("selftest", "--shard", wrong).Fails(2, $"--shard is '{wrong}', expected I/N with 1 ≤ I ≤ N, such as 2/8");
        }

        static int Calls(params string[] more) => Regex.Matches(LeanRun.Of(["selftest", "--filter", "rms_norm", .. more]).Good().Output, @" ok +(\d+) calls")
            .Sum(m => int.Parse(m.Groups[1].ValueSpan, CultureInfo.InvariantCulture));
    }

    [Fact]
    public void A_device_may_be_named_with_its_number()
    {
        Assert.SkipWhen(!LeanRun.Of("devices").Good().Output.Contains("opencl:0", StringComparison.Ordinal), "this machine has no OpenCL device");
        Assert.Matches("^opencl:0 .*\nembedding +ok ", LeanRun.With(Path(), "selftest", "--device", "opencl:0", "--filter", "embedding").Good().Output);
    }

    [Theory]
    [InlineData("opencl:99", "there is no device opencl:99")]
    [InlineData("opencl:x", "'opencl:x'")]
    [InlineData("opencl:0:0", "opencl:0:0")]
    [InlineData("tpu", "'tpu'")]
    public void A_device_that_is_not_there_is_wrong_usage(string device, string problem)
    {
        LeanRun run = LeanRun.Of("selftest", "--device", device);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(problem, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_self_test_says_that_the_demo_is_absent_or_answers_wrongly()
    {
        using var folder = new TemporaryFolder();
        string binary = folder.At("lean"), source = System.IO.Path.GetDirectoryName(LeanRun.Binary)!;
        LeanRun.Of("--version").Good();
        File.Copy(LeanRun.Binary, binary);
        LeanRun absent = LeanRun.Program(binary, "selftest", "--filter", "demo").Good();
        Assert.Matches(@"(?m)^demo +ABSENT  the whole model was not checked: there is no demo model at '.+Demo'$", absent.Output);

        Directory.CreateDirectory(folder.At("Demo"));
        foreach (string file in Directory.GetFiles(System.IO.Path.Combine(source, "Demo")))
        {
            File.Copy(file, folder.At(System.IO.Path.Combine("Demo", System.IO.Path.GetFileName(file))));
        }

        string config = folder.At(System.IO.Path.Combine("Demo", "config.json"));
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": 0.5", StringComparison.Ordinal));
        LeanRun wrong = LeanRun.Program(binary, "selftest", "--filter", "demo");
        Assert.Equal(1, wrong.ExitCode);
        Assert.Matches("^lean: cpu .* computes wrong results: see the lines above\n$", wrong.Error);
        Assert.Matches(@"(?m)^demo +FAILED  .*of the logits is [0-9.]+, allowed is 0.0001$", wrong.Output);
    }

    [Fact]
    public void Sampling_on_a_device_is_the_devices_work_and_repeats()
    {
        Assert.SkipWhen(!LeanRun.Of("devices").Good().Output.Contains("opencl:0", StringComparison.Ordinal), "this machine has no OpenCL device");
        (string, string)[] path = Path();
        string[] arguments = ["generate", "ROMEO:", "--device", "opencl", "--temperature", "0.8", "--top-p", "0.9", "--seed", "7", "--logprobs", "3", "--max-tokens", "24", "--json"];
        JsonElement first = Assert.Single(LeanRun.With(path, arguments).Json()), second = Assert.Single(LeanRun.With(path, arguments).Json());
        Assert.StartsWith("opencl:0 ", first.GetProperty("device").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, first.GetProperty("host_ops").GetInt32());
        Assert.Equal(7, first.GetProperty("seed").GetInt64());
        int[] ids = LeanRun.Ids(first.GetProperty("output_ids"));
        Assert.InRange(ids.Length, 1, 24);
        foreach (string property in (string[])["output_ids", "text", "logprobs"])
        {
            Assert.Equal(first.GetProperty(property).GetRawText(), second.GetProperty(property).GetRawText());
        }

        // Another seed draws another text, and so does the most likely one.
        string[] other = [.. arguments];
        other[Array.IndexOf(other, "7")] = "8";
        Assert.NotEqual(ids, LeanRun.Ids(Assert.Single(LeanRun.With(path, other).Json()).GetProperty("output_ids")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Without_a_driver_it_says_why_and_the_cpu_still_works(bool folderExists)
    {
        using var empty = new TemporaryFolder();

        // Both loaders in use, ocl-icd and Khronos's, take the folder of drivers from this variable.
        (string, string)[] noDriver = [("OCL_ICD_VENDORS", folderExists ? empty.At("") : "/nonexistent"), ("OCL_ICD_FILENAMES", "")];
        Assert.Contains("no OpenCL", LeanRun.With(noDriver, "devices").Good().Output, StringComparison.Ordinal);
        LeanRun run = LeanRun.With(noDriver, "selftest", "--device", "opencl");
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("there is no device opencl:0: no OpenCL", run.Error, StringComparison.Ordinal);
        LeanRun.With(noDriver, "generate", "ROMEO:", "--max-tokens", "2").Good();
    }

    [Theory]
    [InlineData("opencl", "no OpenCL: the loader libOpenCL.so.1 is not installed", "libOpenCL.so.1", "libOpenCL.so")]
    [InlineData("ze", "no Level Zero: the loader libze_loader.so.1 is not installed", "libze_loader.so.1")]
    public void Without_a_loader_it_says_so_and_the_cpu_still_works(string device, string why, params string[] libraries)
    {
        // A file that is no library hides one that this machine may have.
        using var folder = new TemporaryFolder();
        Array.ForEach(libraries, library => folder.Write(library, ""));
        (string, string)[] noLoader = [("LD_LIBRARY_PATH", folder.At(""))];
        Assert.Matches($"(?m)^{device} +{why}", LeanRun.With(noLoader, "devices").Good().Output);
        LeanRun.With(noLoader, "generate", "ROMEO:", "--device", device).Fails(2, $"there is no device {device}:0: {why}");
        LeanRun.With(noLoader, "generate", "ROMEO:", "--max-tokens", "2").Good();
    }

    [Fact]
    public void A_driver_that_would_end_the_process_for_want_of_a_linker_is_not_asked()
    {
        Assert.SkipUnless(HasPoCL, "this machine has no PoCL");
        LeanRun.Of("generate", "ROMEO:", "--device", "opencl").Fails(2, "opencl:0 cannot be used: its driver links kernels with the system's ld, which is not on the PATH");
    }

    [Fact]
    public void Requests_that_need_more_memory_than_the_device_has_end_in_a_sentence()
    {
        Assert.SkipUnless(HasPoCL, "this machine has no PoCL");
        using var folder = new TemporaryFolder();
        string prompts = folder.Write("prompts.jsonl", string.Concat(Enumerable.Repeat("{\"prompt\":\"a\"}\n", 40)));
        string[] arguments = ["generate", "--device", "opencl", "--prompts", prompts, "--max-tokens", "4", "--max-sequences", "600"];
        LeanRun run = LeanRun.With([.. Path(), ("POCL_MEMORY_LIMIT", "1")], [.. arguments, "--cache-memory", "2GiB"]);
        run.Refuses(1, "--cache-memory is 2,147,483,648 bytes, but [0-9,]+ of 1,073,741,824 bytes are free on opencl:0");

        // Within what there is, those who do not fit wait.
        string[] alone = Ids(LeanRun.With([.. Path()], [.. arguments]));
        Assert.Equal(alone, Ids(LeanRun.With([.. Path(), ("POCL_MEMORY_LIMIT", "1")], [.. arguments, "--cache-memory", "8MiB"])));

        static string[] Ids(LeanRun run) => [.. run.Json().Select(static answer => answer.GetProperty("output_ids").GetRawText())];
    }

    private static bool HasPoCL => LeanRun.Of("devices").Good().Output.Contains("Portable Computing Language", StringComparison.Ordinal);

    // PoCL links each kernel with the system's ld, which it looks for on the PATH; it ends the process without.
    private static (string, string)[] Path() => [("PATH", Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin"), CompiledKernels.Folder];
}
