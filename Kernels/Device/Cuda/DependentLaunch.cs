using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>
/// Overlap of a kernel with the one before it on a stream, where the launch allows it (PTX ISA, "griddepcontrol"); since
/// sm_90. Without that launch attribute both do nothing.
/// </summary>
[CudaInstructions]
public static class DependentLaunch
{
    /// <summary>Waits for the kernel before: what it wrote may be read only after this, what it read written only after this.</summary>
    [IntrinsicImplementation]
    [Ptx("griddepcontrol.wait;")]
    public static void Wait()
    {
    }

    /// <summary>Lets the next kernel start, once every group has said so or ended.</summary>
    [IntrinsicImplementation]
    [Ptx("griddepcontrol.launch_dependents;")]
    public static void Allow()
    {
    }
}
