namespace Lean.Aot.Tests;

/// <summary>Devices beside the CPU: the native binary finds OpenCL at run time, or does without.</summary>
public sealed class DeviceTests
{
    private static readonly string[] Ops = ["embedding", "add_rms_norm", "linear", "greedy_pick"];

    [Fact]
    public void Kernels_of_every_target_are_in_the_binary()
    {
        string[] lines = LeanRun.Of("kernels").Good().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("opencl", lines[0], StringComparison.Ordinal);
        Assert.Contains("sm_80", lines[0], StringComparison.Ordinal);
        Assert.Contains("sm_90", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, l => l.StartsWith("linear_generated_bf16", StringComparison.Ordinal));
        Assert.All(lines[1..], l => Assert.True(l.Split("yes").Length >= 4, l));
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("opencl")]
    [InlineData("opencl:0")]
    public void The_native_binary_passes_its_own_test(string device)
    {
        Assert.SkipWhen(device != "cpu" && !LeanRun.Of("devices").Good().Output.Contains("opencl:0", StringComparison.Ordinal), "this machine has no OpenCL device");
        // PoCL links each kernel with the system's ld, which it looks for on the PATH; it ends the process without.
        (string, string)[] path = [("PATH", Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin")];
        string found = LeanRun.With(path, "selftest", "--device", device).Good().Output;
        Assert.StartsWith(device[..3], found, StringComparison.Ordinal);
        Assert.All(Ops, op => Assert.Matches($@"(?m)^{op} +ok ", found));
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
    public void Without_a_driver_it_says_why_and_the_cpu_still_works()
    {
        // Both loaders in use, ocl-icd and Khronos's, take the folder of drivers from this variable.
        (string, string)[] noDriver = [("OCL_ICD_VENDORS", "/nonexistent"), ("OCL_ICD_FILENAMES", "")];
        Assert.Contains("no OpenCL", LeanRun.With(noDriver, "devices").Good().Output, StringComparison.Ordinal);
        LeanRun run = LeanRun.With(noDriver, "selftest", "--device", "opencl");
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("there is no device opencl:0: no OpenCL", run.Error, StringComparison.Ordinal);
        LeanRun.With(noDriver, "generate", "ROMEO:", "--max-tokens", "2").Good();
    }
}
