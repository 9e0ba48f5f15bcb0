using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>Words of shared memory by their address (PTX ISA, "ld" and "st"); see <see cref="CudaShared"/>.</summary>
[CudaInstructions]
public static class SharedWords
{
    /// <summary>An f32.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.shared.f32 $0, [#0];")]
    public static float Load(uint shared) => 0;

    /// <summary>Writes an f32.</summary>
    [IntrinsicImplementation]
    [Ptx("st.shared.f32 [#0], #1;")]
    public static void Store(uint shared, float value)
    {
    }

    /// <summary>Writes two words at a multiple of 8.</summary>
    [IntrinsicImplementation]
    [Ptx("st.shared.v2.u32 [#0], {#1, #2};")]
    public static void Store2(uint shared, uint first, uint second)
    {
    }

    /// <summary>Four words at a multiple of 16.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.shared.v4.u32 {$0, $1, $2, $3}, [#0];")]
    public static U4 Load4(uint shared) => default;

    /// <summary>Writes four words at a multiple of 16.</summary>
    [IntrinsicImplementation]
    [Ptx("st.shared.v4.u32 [#0], {#1, #2, #3, #4};")]
    public static void Store4(uint shared, U4 value)
    {
    }
}
