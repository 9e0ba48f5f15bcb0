using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>
/// One of two values without a branch (PTX ISA, "selp", "max"). The compiler makes branches of conditions, and a warp whose lanes
/// disagree goes through both sides, which counts where one warp works and all others wait for it.
/// </summary>
[CudaInstructions]
public static class Select
{
    /// <summary><paramref name="yes"/> where <paramref name="a"/> is less than <paramref name="b"/>.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred less; setp.lt.s32 less, #0, #1; selp.b32 $0, #2, #3, less; }")]
    public static int IfLess(int a, int b, int yes, int no) => a < b ? yes : no;

    /// <summary>Likewise.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred less; setp.lt.s32 less, #0, #1; selp.b32 $0, #2, #3, less; }")]
    public static uint IfLess(int a, int b, uint yes, uint no) => a < b ? yes : no;

    /// <summary>Likewise.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred less; setp.lt.s32 less, #0, #1; selp.f32 $0, #2, #3, less; }")]
    public static float IfLess(int a, int b, float yes, float no) => a < b ? yes : no;

    /// <summary>Likewise, of numbers without sign.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred less; setp.lt.u32 less, #0, #1; selp.b32 $0, #2, #3, less; }")]
    public static int IfLess(uint a, uint b, int yes, int no) => a < b ? yes : no;

    /// <summary>Likewise; no where one of them is NaN.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred less; setp.lt.f32 less, #0, #1; selp.f32 $0, #2, #3, less; }")]
    public static float IfLess(float a, float b, float yes, float no) => a < b ? yes : no;

    /// <summary><paramref name="yes"/> where they are equal.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred equal; setp.eq.u32 equal, #0, #1; selp.b32 $0, #2, #3, equal; }")]
    public static uint IfEqual(uint a, uint b, uint yes, uint no) => a == b ? yes : no;

    /// <summary>The larger of two, NaN where one is; since sm_80.</summary>
    [IntrinsicImplementation]
    [Ptx("max.NaN.f32 $0, #0, #1;")]
    public static float LargerOrNaN(float a, float b) => MathF.Max(a, b);

    /// <summary>The smaller of two, NaN where one is; since sm_80.</summary>
    [IntrinsicImplementation]
    [Ptx("min.NaN.f32 $0, #0, #1;")]
    public static float SmallerOrNaN(float a, float b) => MathF.Min(a, b);
}
