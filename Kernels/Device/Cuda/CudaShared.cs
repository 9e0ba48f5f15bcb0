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

    /// <summary>Reads 4 bytes.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.shared.u32 $0, [#0];")]
    public static uint Load(uint shared) => 0;

    /// <summary>Reads 8 bytes, at a multiple of 8.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.shared.b64 $0, [#0];")]
    public static long Load2(uint shared) => 0;

    /// <summary>Reads 16 bytes, at a multiple of 16.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.shared.v4.u32 {$0, $1, $2, $3}, [#0];")]
    public static U4 Load4(uint shared) => default;

    /// <summary>Writes 4 bytes.</summary>
    [IntrinsicImplementation]
    [Ptx("st.shared.u32 [#0], #1;")]
    public static void Store(uint shared, uint word)
    {
    }

    /// <summary>Writes the word's lowest byte.</summary>
    [IntrinsicImplementation]
    [Ptx("st.shared.u8 [#0], #1;")]
    public static void StoreByte(uint shared, uint word)
    {
    }

    /// <summary>Writes 8 bytes, at a multiple of 8.</summary>
    [IntrinsicImplementation]
    [Ptx("st.shared.v2.u32 [#0], {#1, #2};")]
    public static void Store2(uint shared, uint first, uint second)
    {
    }

    /// <summary>Writes 16 bytes, at a multiple of 16.</summary>
    [IntrinsicImplementation]
    [Ptx("st.shared.v4.u32 [#0], {#1, #2, #3, #4};")]
    public static void Store4(uint shared, U4 words)
    {
    }
}
