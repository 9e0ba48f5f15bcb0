using System.Diagnostics;
using System.Text.Json;

namespace Lean.Aot.Tests;

/// <summary>
/// The native binary on a stand-in for oneCCL, found under its usual name, with OpenCL devices whose tensors go through the
/// host's memory.
/// </summary>
public sealed class OneCclTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Ranks_on_devices_pass_the_self_test_and_continue_as_over_loopback()
    {
        Assert.SkipWhen(!LeanRun.Of("devices").Good().Output.Contains("opencl:0", StringComparison.Ordinal), "this machine has no OpenCL device");
        Build();
        string[] lines = Run("selftest", "--tp", "2", "--device", "opencl", "--comm", "oneccl").Good().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("TP 2 × DP 1 by oneccl (oneCCL 22.0.1), through host memory", lines[0]);
        Assert.Equal(2 + (3 * 5), lines.Length);
        string[] request = ["generate", "ROMEO:", "--max-tokens", "8", "--json", "--tp", "2", "--device", "opencl"];
        Assert.Equal(Text("loopback"), Text("oneccl"));

        string? Text(string comm)
        {
            LeanRun run = Run([.. request, "--comm", comm]);
            Assert.True(run.ExitCode == 0, run.Error);
            return JsonDocument.Parse(run.Output).RootElement.GetProperty("text").GetString();
        }
    }

    [Fact]
    public void What_it_does_not_connect_is_one_sentence() =>
        LeanRun.Of("selftest", "--tp", "2", "--comm", "oneccl").Fails(2, "--comm oneccl connects devices, and ranks run on the CPU here");

    // PoCL links its kernels with a linker that it looks for on the PATH.
    private LeanRun Run(params string[] arguments) => LeanRun.With(
        [("LD_LIBRARY_PATH", Path.GetDirectoryName(_folder.At("libccl.so.2"))!), ("PATH", Environment.GetEnvironmentVariable("PATH") ?? "")], arguments);

    private void Build()
    {
        string source = Path.Combine(AppContext.BaseDirectory, "CclStandIn", "ccl_processes.c");
        using Process compiling = Process.Start("cc", ["-DONECCL", "-std=gnu11", "-O1", "-shared", "-fPIC", "-o", _folder.At("libccl.so.2"), source]);
        compiling.WaitForExit();
        Assert.Equal(0, compiling.ExitCode);
    }
}
