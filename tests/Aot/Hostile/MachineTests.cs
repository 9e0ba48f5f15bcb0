namespace Lean.Aot.Tests.Hostile;

/// <summary>A machine that fails: full disks, limits, readers that leave.</summary>
public sealed class MachineTests
{
    /// <summary>Commands that write to stdout.</summary>
    public static TheoryData<string> Commands =>
    [
        "generate a --max-tokens 40", "generate a --json --max-tokens 4", "tokenize a", "inspect", "inspect --json", "devices", "--help", "--version",
        "score --text /proc/version", "score --text /proc/version --json", "bench prefill --tokens 8",
    ];

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_full_disk_under_stdout_is_told(string command) =>
        LeanRun.Shell($"exec \"$0\" {command} > /dev/full").Refuses(1, "writing failed: No space left on device");

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_reader_that_leaves_at_once_hears_nothing(string command)
    {
        LeanRun run = LeanRun.Shell($"{{ \"$0\" {command}; echo \"code $?\" >&2; }} | true");
        Assert.Equal("code 0\n", run.Error);
    }

    [Fact]
    public void A_full_disk_under_the_logits_is_told_and_leaves_nothing()
    {
        using var folder = new TemporaryFolder();
        LeanRun.Shell($"ulimit -f 8; exec \"$0\" score --text /proc/version --logits {folder.At("o.safetensors")}")
            .Refuses(1, "o.safetensors' could not be written: its [0-9,]+ bytes are more than the system allows a file");
        Assert.Empty(Directory.GetFileSystemEntries(folder.At("")));
        LeanRun.Of("score", "--text", "/proc/version", "--logits", "/proc/o.safetensors").Refuses(1, "takes [0-9,]+ bytes, but its disk has 0 free");
    }

    [Fact]
    public void A_limit_under_stdout_is_told()
    {
        using var folder = new TemporaryFolder();
        LeanRun.Shell($"ulimit -f 0; exec \"$0\" tokenize a > {folder.At("out")}").Refuses(1, "writing failed: the file would be larger than the system allows");
    }

    [Fact]
    public void Pipes_are_written_to_and_never_replaced()
    {
        using var folder = new TemporaryFolder();
        string pipe = folder.At("pipe");
        LeanRun run = LeanRun.Shell($"mkfifo {pipe} && {{ /usr/bin/head -c 8 {pipe} | /usr/bin/wc -c & \"$0\" tokenize --texts /dev/null 2>/dev/null; \"$0\" score --text /proc/version --logits {pipe} 2>&1; wait; test -p {pipe} && echo still a pipe; }}");
        Assert.Contains("8\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("still a pipe\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void With_nowhere_to_say_it_the_exit_code_tells()
    {
        Assert.Equal(2, LeanRun.Shell("exec \"$0\" generate 2>/dev/full").ExitCode);
        Assert.Equal(2, LeanRun.Shell("exec \"$0\" generate 2>&-").ExitCode);
        Assert.Equal("[64]\n", LeanRun.Shell("exec \"$0\" tokenize a <&-").Good().Output);
    }
}
