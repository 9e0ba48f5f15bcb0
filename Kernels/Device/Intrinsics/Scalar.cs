using ILGPU;
using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>
/// Operations on one number that the kernel compiler lacks or compiles badly. Each has an instruction on every target;
/// the body is what it means, and what a CPU runs.
/// </summary>
public static class Scalar
{
    private const float Log2E = 1.44269504088896341f;
    private const float Ln2 = 0.693147180559945309f;

    /// <summary>a · b + c, rounded once.</summary>
    [IntrinsicImplementation]
    [Ptx("fma.rn.f32 $0, #0, #1, #2;")]
    [OpenCL("fma(#0, #1, #2)")]
    public static float Fma(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    /// <summary>a · b, rounded before anything is added to it: assemblers may fuse an ordinary product with a sum.</summary>
    [IntrinsicImplementation]
    [Ptx("mul.rn.f32 $0, #0, #1;")]
    [OpenCL("#0 * #1")]
    public static float Multiply(float a, float b) => a * b;

    /// <summary>a + b with one rounding, of numbers below the normal ones too: CUDA's ordinary sum takes those for zero.</summary>
    [IntrinsicImplementation]
    [Ptx("add.rn.f32 $0, #0, #1;")]
    [OpenCL("#0 + #1")]
    public static float Add(float a, float b) => a + b;

    /// <summary>1 / √x, within two units in the last place.</summary>
    [IntrinsicImplementation]
    [Ptx("rsqrt.approx.f32 $0, #0;")]
    [OpenCL("rsqrt(#0)")]
    public static float Rsqrt(float x) => 1 / MathF.Sqrt(x);

    /// <summary>2^x, within three units in the last place.</summary>
    [IntrinsicImplementation]
    [Ptx("ex2.approx.f32 $0, #0;")]
    [OpenCL("exp2(#0)")]
    public static float Exp2(float x) => MathF.Pow(2, x);

    /// <summary>2^x likewise, where what no normal number holds may become zero: one instruction.</summary>
    [IntrinsicImplementation]
    [Ptx("ex2.approx.ftz.f32 $0, #0;")]
    [OpenCL("exp2(#0)")]
    public static float Exp2Normal(float x) => MathF.Pow(2, x);

    /// <summary>The larger of two, or the one that is a number.</summary>
    [IntrinsicImplementation]
    [Ptx("max.f32 $0, #0, #1;")]
    [OpenCL("fmax(#0, #1)")]
    public static float Larger(float a, float b) => float.IsNaN(b) || a > b ? a : b;

    /// <summary>log₂ x.</summary>
    [IntrinsicImplementation]
    [Ptx("lg2.approx.f32 $0, #0;")]
    [OpenCL("log2(#0)")]
    public static float Log2(float x) => MathF.Log2(x);

    /// <summary>e^x, for the small or negative x of a softmax.</summary>
    public static float Exp(float x) => Exp2(x * Log2E);

    /// <summary>1 / (1 + e^−x); to the 1, what no normal number holds adds nothing.</summary>
    public static float Sigmoid(float x) => 1 / (1 + Exp2Normal(-x * Log2E));

    /// <summary>The natural logarithm.</summary>
    public static float Log(float x) => Log2(x) * Ln2;

    /// <summary>Whether x is neither an infinity nor NaN.</summary>
    public static bool IsFinite(float x) => (Interop.FloatAsInt(x) & 0x7f800000u) != 0x7f800000u;
}
