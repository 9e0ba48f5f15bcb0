using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>Loads and stores of 16 bytes at once, at multiples of 16 (PTX ISA, "ld" and "st").</summary>
[CudaInstructions]
public static class WideAccess
{
    /// <summary>Eight bf16 that are read once: kept out of L1 ("ld.global.nc").</summary>
    [IntrinsicImplementation]
    [Ptx("ld.global.nc.L1::no_allocate.v4.u32 {$0, $1, $2, $3}, [#0];")]
    public static U4 Stream(ref ushort source) => default;

    /// <summary>Four f32 that the groups of a multiprocessor share.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.global.v4.u32 {$0, $1, $2, $3}, [#0];")]
    public static U4 Load(ref float source) => default;

    /// <summary>Writes four f32.</summary>
    [IntrinsicImplementation]
    [Ptx("st.global.v4.f32 [#0], {#1, #2, #3, #4};")]
    public static void Store(ref float target, float a, float b, float c, float d)
    {
    }

    /// <summary>Writes four words.</summary>
    [IntrinsicImplementation]
    [Ptx("st.global.v4.u32 [#0], {#1, #2, #3, #4};")]
    public static void Store(ref float target, U4 value)
    {
    }

    /// <summary>Writes eight bf16.</summary>
    [IntrinsicImplementation]
    [Ptx("st.global.v4.u32 [#0], {#1, #2, #3, #4};")]
    public static void Store(ref ushort target, U4 value)
    {
    }

    /// <summary>Writes four bf16, at a multiple of 8.</summary>
    [IntrinsicImplementation]
    [Ptx("st.global.v2.u32 [#0], {#1, #2};")]
    public static void Store2(ref ushort target, uint first, uint second)
    {
    }
}
