using Lean.Kernels.Device;

namespace Lean.Kernels.Compiler;

/// <summary>A kernel that must not be built, as the build prints it: file, line, kernel, sentence.</summary>
internal sealed class BuildException : Exception
{
    /// <summary>A fault in a kernel's declaration or in what was compiled from it.</summary>
    public BuildException(KernelAttribute kernel, string name, string message)
        : base($"{kernel.File}({kernel.Line}): error LEANK01: kernel '{name}': {message}")
    {
    }

    /// <summary>A fault of a tool that the build called.</summary>
    public BuildException(string message) : base($"Kernels/Compiler: error LEANK02: {message}")
    {
    }
}
