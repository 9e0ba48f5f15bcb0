namespace Lean.Kernels.Tests;

/// <summary>The cache of what drivers compiled: kept, keyed, and never trusted. A back end's tests are a subclass.</summary>
public abstract class BinaryCacheTests : IDisposable
{
    private const string Variable = "XDG_CACHE_HOME";

    private readonly string? _before = Environment.GetEnvironmentVariable(Variable);
    private readonly string _folder = Directory.CreateTempSubdirectory("lean-cache-").FullName;

    protected BinaryCacheTests(string? whyUnavailable)
    {
        Assert.SkipWhen(whyUnavailable is not null, whyUnavailable ?? "");
        Environment.SetEnvironmentVariable(Variable, _folder);
    }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
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
        Build(more: true);
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

    /// <summary>Builds a kernel on a device of its own, from its source or from one that differs and does the same.</summary>
    protected abstract void Build(bool more = false);
}
