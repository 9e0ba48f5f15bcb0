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

    /// <summary>Two f32, the first in the lower half, at a multiple of 8.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.global.b64 $0, [#0];")]
    public static long Load2(ref float source) => 0;

    /// <summary>Four bf16, the first in the lowest quarter, at a multiple of 8.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.global.b64 $0, [#0];")]
    public static long Load2(ref ushort source) => 0;

    /// <summary>Four words of shared memory, by the address of its window.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.shared.v4.u32 {$0, $1, $2, $3}, [#0];")]
    public static U4 LoadShared(uint shared) => default;

    /// <summary>
    /// A number that a kernel wrote which has ended before this one began, though this one has not waited for it: it was
    /// waited for by the kernel between them before that one let this start. Not from L1 ("ld.volatile").
    /// </summary>
    [IntrinsicImplementation]
    [Ptx("ld.volatile.global.u32 $0, [#0];")]
    public static int Fresh(ref int source) => source;

    /// <summary>Likewise.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.volatile.global.f32 $0, [#0];")]
    public static float Fresh(ref float source) => source;

    /// <summary>Likewise four f32.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.volatile.global.v4.u32 {$0, $1, $2, $3}, [#0];")]
    public static U4 Fresh4(ref float source) => default;

    /// <summary>Likewise four bf16, the first in the lowest quarter, at a multiple of 8.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.volatile.global.b64 $0, [#0];")]
    public static long Fresh2(ref ushort source) => 0;

    /// <summary>Writes four words.</summary>
    [IntrinsicImplementation]
    [Ptx("st.global.v4.u32 [#0], {#1, #2, #3, #4};")]
    public static void Store(ref int target, uint a, uint b, uint c, uint d)
    {
    }

    /// <summary>Writes four f32.</summary>
    [IntrinsicImplementation]
    [Ptx("st.global.v4.f32 [#0], {#1, #2, #3, #4};")]
    public static void Store(ref float target, float a, float b, float c, float d)
    {
    }

    /// <summary>Writes two f32, at a multiple of 8.</summary>
    [IntrinsicImplementation]
    [Ptx("st.global.v2.f32 [#0], {#1, #2};")]
    public static void Store2(ref float target, float a, float b)
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

    /// <summary>Writes two bf16, at a multiple of 4.</summary>
    [IntrinsicImplementation]
    [Ptx("st.global.u32 [#0], #1;")]
    public static void Store(ref ushort target, uint pair)
    {
    }

    /// <summary>Writes four bf16, at a multiple of 8.</summary>
    [IntrinsicImplementation]
    [Ptx("st.global.v2.u32 [#0], {#1, #2};")]
    public static void Store2(ref ushort target, uint first, uint second)
    {
    }
}
