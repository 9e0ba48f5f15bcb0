using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>Loads of what a kernel reads once.</summary>
[CudaInstructions]
public static class Streaming
{
    /// <summary>16 bytes that no kernel running now writes, kept out of L1 (PTX ISA, "ld.global.nc").</summary>
    [IntrinsicImplementation]
    [Ptx("ld.global.nc.L1::no_allocate.v4.u32 {$0, $1, $2, $3}, [#0];")]
    public static U4 Load(ref U4 source) => source;
}
