using System.Text.Json;
using Lean.Kernels.Tests;

namespace Lean.Aot.Tests;

/// <summary>
/// The native binary on a stand-in for NVIDIA's driver, which checks every call and launch, runs no kernel, and reports when
/// the process ends: nothing may be wrong and nothing left behind, however a run ends.
/// </summary>
public sealed class CudaTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_device_is_listed_with_what_it_is()
    {
        string output = Run("", "devices").Good().Output;
        Assert.Contains("cuda:0  Stand-in for tests, compute capability 9.0\n", output, StringComparison.Ordinal);
        Assert.Contains("132 multiprocessors, 50 MiB of cache\n", output, StringComparison.Ordinal);
        Assert.Contains("its driver speaks CUDA 11.8, expected at least 12.0", Run("driver", "devices").Good().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_call_of_a_run_is_right_and_steps_are_replayed()
    {
        JsonElement found = Assert.Single(Run("", "generate", "ROMEO:", "--max-tokens", "12", "--ignore-eos", "--device", "cuda", "--json").Json());
        Assert.Equal("cuda:0 Stand-in for tests, CUDA 13.0, sm_90", found.GetProperty("device").GetString());
        Assert.Equal(12, found.GetProperty("output_ids").GetArrayLength());
        Assert.True(found.GetProperty("launches").GetInt32() > 12 * 20);
        Assert.Matches(" [1-9][0-9]* replays, ", File.ReadAllText(_folder.At("report")));
    }

    // A card whose kernels do nothing.
    [Fact]
    public void A_card_that_computes_nothing_fails_the_self_test()
    {
        LeanRun run = Run("", "selftest", "--device", "cuda");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("computes wrong results", run.Error, StringComparison.Ordinal);
        Assert.True(run.Output.Split("FAILED").Length > 14, run.Output);
    }

    [Theory]
    [InlineData("init", 2, "there is no device cuda:0: no CUDA device: the driver is installed, but found none")]
    [InlineData("stub", 2, "there is no device cuda:0: no CUDA: this is the toolkit's stub library, not the driver (CUDA error 34)")]
    [InlineData("none", 2, "there is no device cuda:0: no CUDA device: the driver found none")]
    [InlineData("card", 2, "cuda:0 cannot be used: it has compute capability 7.5, expected at least 8.0")]
    [InlineData("driver", 2, "cuda:0 cannot be used: its driver speaks CUDA 11.8, expected at least 12.0; a newer driver is needed")]
    [InlineData("ptx", 1, ": the driver is too old for this program's PTX; a newer driver is needed (CUDA error 222)")]
    [InlineData("build", 1, ": the driver could not compile the program (CUDA error 218): ptxas application ptx input, line 3; fatal : Unknown symbol")]
    [InlineData("lost:1", 1, "cuda:0 failed to run what was queued: the kernel failed (CUDA error 719)")]
    [InlineData("lost:100", 1, "cuda:0 failed to run what was queued: the kernel failed (CUDA error 719)")]
    [InlineData("lost:520", 1, "cuda:0 failed to run what was queued: the kernel failed (CUDA error 719)")]
    public void A_fault_is_one_sentence_and_leaves_nothing_behind(string fault, int exitCode, string words) =>
        Run(fault, "generate", "ROMEO:", "--json", "--device", "cuda").Fails(exitCode, words);

    [Theory]
    [InlineData(10_000_000, "cuda:0 has not enough memory: the weights take 13,425,168 bytes, 10,000,000 of its 10,000,000 are free, 3,425,168 are missing")]
    [InlineData(14_000_000, " of 14,000,000 bytes are free")]
    public void What_does_not_fit_is_one_sentence(long memory, string words) =>
        Run("", [("LEAN_STANDIN_MEMORY", $"{memory}")], "generate", "ROMEO:", "--max-tokens", "4000", "--device", "cuda").Fails(1, words);

    [Fact]
    public void A_device_beyond_the_last_is_named() => Run("", "generate", "ROMEO:", "--device", "cuda:3").Fails(2, "there is no device cuda:3: the only one is Stand-in for tests");

    // Cards that send nothing are not timed: bits come first.
    [Theory]
    [InlineData("", 2, "there is no device cuda:1: the only one is Stand-in for tests")]
    [InlineData("cards:2:apart", 1, "cuda:0 does not reach the memory of cuda:1")]
    [InlineData("cards:2", 1, "Peer of 1 rows on rank 0: number 0 is ")]
    public void An_exchange_is_timed_only_where_it_is_right(string fault, int exitCode, string words) => Run(fault, "bench", "exchange", "--rows", "1").Fails(exitCode, words);

    private LeanRun Run(string fault, params string[] arguments) => Run(fault, [], arguments);

    private LeanRun Run(string fault, (string, string)[] environment, params string[] arguments)
    {
        Assert.SkipWhen(NativeLibraryBuild.WhyUnavailable is not null, NativeLibraryBuild.WhyUnavailable ?? "");
        string report = _folder.At("report");
        File.Delete(report);
        LeanRun run = LeanRun.With(
            [("LD_LIBRARY_PATH", CudaStandInBuild.Folder), ("LEAN_STANDIN_REPORT", report), ("LEAN_STANDIN_FAULT", fault), .. environment],
            arguments);
        Assert.Matches("^0 wrong, [0-9]+ launches, [0-9]+ replays, [0-9]+ copies, 0 live\n$", File.ReadAllText(report));
        return run;
    }
}
