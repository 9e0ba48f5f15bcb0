namespace Lean.Aot.Tests;

/// <summary>Where PoCL keeps what it compiled, for the tests of a class: minutes of each would be the same kernels' again.</summary>
public sealed class CompiledKernels : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>The folder.</summary>
    public string Folder => _folder.At("pocl");

    /// <inheritdoc/>
    public void Dispose() => _folder.Dispose();
}
