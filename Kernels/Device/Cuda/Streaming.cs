using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>Loads and stores of what is read or written once.</summary>
[CudaInstructions]
public static class Streaming
{
    /// <summary>16 bytes that no kernel running now writes, kept out of L1 (PTX ISA, "ld.global.nc").</summary>
    [IntrinsicImplementation]
    [Ptx("ld.global.nc.L1::no_allocate.v4.u32 {$0, $1, $2, $3}, [#0];")]
    public static U4 Load(ref U4 source) => source;

    /// <summary>Writes four f32 that L2 may forget first (PTX ISA, "st.global.cs").</summary>
    [IntrinsicImplementation]
    [Ptx("st.global.cs.v4.f32 [#0], {#1, #2, #3, #4};")]
    public static void Store(ref float target, float a, float b, float c, float d)
    {
    }
}
