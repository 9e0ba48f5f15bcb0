using System.Security.Cryptography;
using System.Text;

namespace Lean.Kernels.Compiler;

/// <summary>A kernel compiled for one target.</summary>
/// <param name="Kernel">Which.</param>
/// <param name="Text">PTX or OpenCL C, ready for a driver.</param>
internal sealed record CompiledText(KernelDeclaration Kernel, string Text)
{
    /// <summary>The text's SHA-256, shortened: what caches are keyed by.</summary>
    public string Hash { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text)))[..16];
}
