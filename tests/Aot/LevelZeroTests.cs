using System.Text.Json;
using Lean.Kernels.Tests;

namespace Lean.Aot.Tests;

/// <summary>
/// The native binary on a stand-in for Level Zero's loader, which checks every call, runs the embedded SPIR-V on PoCL, and
/// reports when the process ends: nothing may be wrong and nothing left behind, however a run ends.
/// </summary>
public sealed class LevelZeroTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_device_is_listed_with_what_it_is()
    {
        string output = Run([], "devices").Good().Output;
        Assert.Contains("ze:0    Stand-in for tests, GPU\n", output, StringComparison.Ordinal);
        Assert.Contains("Level Zero 1.9\n", output, StringComparison.Ordinal);
        Assert.Contains("kernels: available, untested on hardware\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_kernel_passes_its_self_test()
    {
        SkipWhereNothingRuns();
        string output = Run([], "selftest", "--device", "ze").Good().Output;
        Assert.StartsWith("ze:0 Stand-in for tests, Level Zero 1.9\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("FAILED", output, StringComparison.Ordinal);
        Assert.True(output.Split(" ok ").Length > 14, output);
    }

    [Fact]
    public void The_demo_continues_as_on_the_cpu()
    {
        SkipWhereNothingRuns();
        string[] request = ["generate", "ROMEO:", "--max-tokens", "8", "--json"];
        JsonElement expected = Assert.Single(LeanRun.Of(request).Json()), found = Assert.Single(Run([], [.. request, "--device", "ze:0"]).Json());
        Assert.Equal(expected.GetProperty("text").GetString(), found.GetProperty("text").GetString());
        Assert.Equal("ze:0 Stand-in for tests, Level Zero 1.9", found.GetProperty("device").GetString());
    }

    [Theory]
    [InlineData("init", 2, "there is no device ze:0: no Level Zero driver: the loader is installed, but no driver is installed that starts")]
    [InlineData("none", 2, "there is no device ze:0: no Level Zero device: the drivers found none that they can use")]
    [InlineData("old", 2, "ze:0 cannot be used: its driver speaks Level Zero 1.3, expected at least 1.7")]
    [InlineData("ir", 2, "ze:0 cannot be used: its driver takes no SPIR-V")]
    [InlineData("threads", 2, "ze:0 cannot be used: it runs groups of 64 threads")]
    [InlineData("build", 1, "the driver could not compile the module (Level Zero error 0x70000004): error: undefined reference to `barrier' in kernel: line 3")]
    [InlineData("lost", 1, "ze:0 failed to run what was queued: the device is lost: it hung, was reset or was removed (Level Zero error 0x70000001)")]
    public void A_fault_is_one_sentence_and_leaves_nothing_behind(string fault, int exitCode, string words) =>
        Run([("LEAN_STANDIN_FAULT", fault)], "generate", "ROMEO:", "--device", "ze").Fails(exitCode, words);

    [Theory]
    [InlineData(10_000_000, "ze:0 has not enough memory: the weights take 13,425,168 bytes, 10,000,000 of its 10,000,000 are free, 3,425,168 are missing")]
    [InlineData(14_000_000, " of 14,000,000 bytes are free")]
    public void What_does_not_fit_is_one_sentence(long memory, string words) =>
        Run([("LEAN_STANDIN_MEMORY", $"{memory}")], "generate", "ROMEO:", "--max-tokens", "4000", "--device", "ze").Fails(1, words);

    [Fact]
    public void A_device_beyond_the_last_is_named() => Run([], "generate", "ROMEO:", "--device", "ze:3").Fails(2, "there is no device ze:3: the only one is Stand-in for tests");

    private LeanRun Run((string, string)[] environment, params string[] arguments)
    {
        Assert.SkipWhen(StandInBuild.WhyUnavailable is not null, StandInBuild.WhyUnavailable ?? "");
        string report = _folder.At("report");
        LeanRun run = LeanRun.With(
            [
                ("LD_LIBRARY_PATH", StandInBuild.Folder), ("LEAN_STANDIN_TRANSLATOR", StandInBuild.Translator), ("LEAN_STANDIN_REPORT", report),
                ("XDG_CACHE_HOME", _folder.At("cache")), CompiledKernels.Folder, ("PATH", Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin"), .. environment,
            ],
            arguments);
        Assert.Matches("^0 wrong, [0-9]+ launches, [0-9]+ copies, 0 live\n$", File.ReadAllText(report));
        return run;
    }

    private static void SkipWhereNothingRuns()
    {
        Assert.SkipWhen(StandInBuild.WhyUnavailable is not null, StandInBuild.WhyUnavailable ?? "");
        Assert.SkipWhen(StandInBuild.Translator.Length == 0, "the stand-in for Level Zero needs clang and llvm-spirv");
        Assert.SkipUnless(LeanRun.Of("devices").Good().Output.Contains("Portable Computing Language", StringComparison.Ordinal), "the stand-in for Level Zero needs PoCL");
    }
}
