namespace Lean.Kernels.Tests;

/// <summary>The cache of compiled programs: kept, keyed, and never trusted.</summary>
public sealed class ProgramCacheTests : IDisposable
{
    private const string Variable = "XDG_CACHE_HOME";

    private readonly string? _before = Environment.GetEnvironmentVariable(Variable);
    private readonly string _folder = Directory.CreateTempSubdirectory("lean-cache-").FullName;

    public ProgramCacheTests()
    {
        Assert.SkipWhen(OpenCLTarget.WhyUnavailable is not null, OpenCLTarget.WhyUnavailable ?? "");
        Environment.SetEnvironmentVariable(Variable, _folder);
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(Variable, _before);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_program_is_kept_and_found_again()
    {
        Build();
        string file = Assert.Single(Files());
        DateTime written = File.GetLastWriteTimeUtc(file);
        Build();
        Assert.Equal(file, Assert.Single(Files()));
        Assert.Equal(written, File.GetLastWriteTimeUtc(file));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    [InlineData(-1)]
    public void A_damaged_file_is_made_again(int length)
    {
        Build();
        string file = Assert.Single(Files());
        byte[] sound = File.ReadAllBytes(file), damaged = length < 0 ? [.. sound] : sound[..length];
        if (length < 0)
        {
            damaged[^1] ^= 1;
        }

        File.WriteAllBytes(file, damaged);
        Build();
        Assert.NotEqual(damaged, File.ReadAllBytes(file));
    }

    [Fact]
    public void Another_source_is_another_file()
    {
        Build();
        Build(" ");
        Assert.Equal(2, Files().Length);
    }

    [Fact]
    public void A_folder_that_cannot_be_made_only_costs_time()
    {
        File.WriteAllText(Path.Combine(_folder, "lean"), "in the way");
        Build();
        Assert.Single(Files());
    }

    private string[] Files() => Directory.GetFiles(_folder, "*", SearchOption.AllDirectories);

    private static void Build(string more = "")
    {
        using var device = new OpenCLDevice(
            OpenCLDevices.List(out _)[0], kernel => [.. KernelArchive.Read("opencl", kernel.Entry + ".cl"), .. System.Text.Encoding.UTF8.GetBytes(more)]);
        Assert.NotEqual(0, device.Program(DeviceKernels.EmbeddingF32));
    }
}
