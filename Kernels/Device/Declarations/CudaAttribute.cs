namespace Lean.Kernels.Device;

/// <summary>
/// Makes a kernel CUDA's alone, compiled for one architecture: it may use the instructions of Cuda/, run more than 256
/// threads and take <see cref="TensorMap{T}"/> parameters. Other devices run a portable kernel in its place.
/// </summary>
/// <param name="target">sm_80 for every card since Ampere, or sm_90a for Hopper's own instructions.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CudaAttribute(string target) : Attribute
{
    /// <summary>The architecture.</summary>
    public string Target => target;

    /// <summary>Bytes of shared memory that a launch asks for: what <see cref="CudaShared.Base"/> is the address of.</summary>
    public int SharedBytes { get; init; }

    /// <summary>
    /// Groups that a multiprocessor should hold together: the assembler gives each thread no more registers than that allows.
    /// 1 is what passing registers between warp groups needs. Where shared memory holds fewer, what is left is for the launch behind.
    /// </summary>
    public int GroupsTogether { get; init; } = 1;

    /// <summary>
    /// Whether a multiprocessor sets aside all the shared memory that it has while the kernel runs, though its groups take less, so that those of
    /// launches behind it find room beside them: what is set aside changes only where nothing runs.
    /// </summary>
    public bool KeepsRoom { get; init; }
}
