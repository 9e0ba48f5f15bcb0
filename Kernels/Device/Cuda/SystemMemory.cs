using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>Memory that other devices and the host read while a kernel runs (PTX ISA, "Memory Consistency Model", scope .sys).</summary>
[CudaInstructions]
public static class SystemMemory
{
    /// <summary>Writes a word; who sees it sees what this thread wrote or had seen before ("st.release.sys").</summary>
    [IntrinsicImplementation]
    [Ptx("st.release.sys.global.u32 [#0], #1;")]
    public static void Publish(ref int target, int value)
    {
    }
}
