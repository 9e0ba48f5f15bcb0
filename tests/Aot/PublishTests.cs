namespace Lean.Aot.Tests;

/// <summary>What publishing leaves behind.</summary>
public sealed class PublishTests
{
    [Fact]
    public void The_folder_holds_the_binary_and_the_demo_and_nothing_else()
    {
        LeanRun.Of("--version").Good();
        string[] entries = [.. Directory.GetFileSystemEntries(Path.GetDirectoryName(LeanRun.Binary)!).Select(static e => Path.GetFileName(e)).Order(StringComparer.Ordinal)];
        Assert.Equal(["Demo", "lean"], entries);
    }

    [Fact]
    public void It_is_one_native_file_of_moderate_size()
    {
        LeanRun.Of("--version").Good();
        byte[] magic = new byte[4];
        using FileStream file = File.OpenRead(LeanRun.Binary);
        file.ReadExactly(magic);
        Assert.Equal([0x7f, (byte)'E', (byte)'L', (byte)'F'], magic);
        Assert.InRange(file.Length, 1 << 20, 28 << 20);
    }

    [Fact]
    public void It_needs_neither_an_environment_nor_a_working_folder()
    {
        LeanRun run = LeanRun.Of("generate", "ROMEO:", "--max-tokens", "4").Good();
        Assert.NotEqual("", run.Output.Trim());
    }
}
