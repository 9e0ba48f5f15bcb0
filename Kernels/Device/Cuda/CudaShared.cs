using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>
/// Shared memory by 32-bit addresses of its window (PTX ISA, "Shared State Space"), which is what the copy engine and the
/// tensor cores take. The build declares the memory, aligned to 1,024 bytes, where a kernel asks for its base.
/// </summary>
[CudaInstructions]
public static class CudaShared
{
    /// <summary>Where the memory begins that <see cref="CudaAttribute.SharedBytes"/> asks for.</summary>
    [IntrinsicImplementation]
    [Ptx("mov.u32 $0, dynamic_shared;")]
    public static uint Base() => 0;

    /// <summary>
    /// Makes this thread's ordinary writes to shared memory visible to the copy engine and to wgmma (PTX ISA, "membar /
    /// fence", fence.proxy.async); a barrier must follow before another thread starts those.
    /// </summary>
    [IntrinsicImplementation]
    [Ptx("fence.proxy.async.shared::cta;")]
    public static void FenceForAsync()
    {
    }
}
