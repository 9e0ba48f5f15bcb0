using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>
/// A thread's sums of tensor-core products: f32 registers acc0, acc1, … that the build declares. They have names because a
/// wgmma runs on while the program goes on: sums that went through the compiler's own registers would be copied, and the
/// assembler would wait for each product. All indices are constants, or become so when loops are unrolled.
/// </summary>
[CudaInstructions]
public static class Accumulators
{
    /// <summary>Sets four sums to zero.</summary>
    [IntrinsicImplementation]
    [Ptx("mov.f32 acc@0, 0f00000000; mov.f32 acc@0+1, 0f00000000; mov.f32 acc@0+2, 0f00000000; mov.f32 acc@0+3, 0f00000000;")]
    public static void Clear4(int first)
    {
    }

    /// <summary>One sum.</summary>
    [IntrinsicImplementation]
    [Ptx("mov.f32 $0, acc@0;")]
    public static float Get(int index) => 0;

    /// <summary>Replaces one sum.</summary>
    [IntrinsicImplementation]
    [Ptx("mov.f32 acc@0, #1;")]
    public static void Set(int index, float value)
    {
    }

    /// <summary>Multiplies two sums by a number.</summary>
    [IntrinsicImplementation]
    [Ptx("mul.rn.f32 acc@0, acc@0, #1; mul.rn.f32 acc@0+1, acc@0+1, #1;")]
    public static void Scale2(int first, float factor)
    {
    }

    /// <summary>Writes two sums to shared memory (PTX ISA, "st").</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="shared">A multiple of 8.</param>
    [IntrinsicImplementation]
    [Ptx("st.shared.v2.f32 [#1], {acc@0, acc@0+1};")]
    public static void Store2(int first, uint shared)
    {
    }

    /// <summary>
    /// Rounds eight sums to bf16 and writes a warp's 16 × 16 of them (PTX ISA, "stmatrix", since sm_90): sums first … + 3 are
    /// columns 0…7, the others columns 8…15. Lane l gives the address of 8 columns of row l &amp; 15, the upper ones from lane 16.
    /// </summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .b32 a, b, c, d; cvt.rn.bf16x2.f32 a, acc@0+1, acc@0; cvt.rn.bf16x2.f32 b, acc@0+3, acc@0+2; "
        + "cvt.rn.bf16x2.f32 c, acc@0+5, acc@0+4; cvt.rn.bf16x2.f32 d, acc@0+7, acc@0+6; "
        + "stmatrix.sync.aligned.m8n8.x4.shared.b16 [#1], {a, b, c, d}; }")]
    public static void StoreMatrix(int first, uint shared)
    {
    }
}
