using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// gated_rms_norm of heads of 128 on cards since Ampere: a warp per row and head, four values a lane, read once. A head's
/// squares are summed in a lane, then across lanes.
/// </summary>
public static class GatedRmsNormWarp
{
    private const int Threads = 256;
    private const int Warps = Threads / 32;
    private const int Dim = 128;

    /// <summary>As <see cref="GatedRmsNorm"/>; heads begin at multiples of 16 bytes.</summary>
    [Kernel("gated_rms_norm_warp", Threads, groups: "T*N/8")]
    [Cuda("sm_80")]
    public static void Run(
        [Shape("T", "N", "128")] ArrayView<float> x,
        [Shape("T", "N*128")] ArrayView<float> z,
        [Shape("128")] ArrayView<float> weight,
        [Shape("T", "N", "128")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("N")] int heads,
        [RowStride("z")] int zStride,
        float epsilon)
    {
        int lane = Group.IdxX & 31, own = (Grid.IdxX * Warps) + (Group.IdxX >> 5), at = Math.Min(own, (rows * heads) - 1), d = lane * 4;
        int row = at / heads, head = at - (row * heads);
        U4 bits = WideAccess.Load(ref x[((long)at * Dim) + d]);
        U4 gates = WideAccess.Load(ref z[((long)row * zStride) + (head * Dim) + d]);
        U4 scales = WideAccess.Load(ref weight[d]);
        float a = Interop.IntAsFloat(bits.X), b = Interop.IntAsFloat(bits.Y), c = Interop.IntAsFloat(bits.Z), e = Interop.IntAsFloat(bits.W);
        float squares = Scalar.Fma(a, a, Scalar.Fma(b, b, Scalar.Fma(c, c, e * e)));
        squares += Lanes.Xor(squares, 16);
        squares += Lanes.Xor(squares, 8);
        squares += Lanes.Xor(squares, 4);
        squares += Lanes.Xor(squares, 2);
        squares += Lanes.Xor(squares, 1);
        float scale = Scalar.Rsqrt((squares / Dim) + epsilon);
        if (own == at)
        {
            WideAccess.Store(
                ref output[((long)at * Dim) + d],
                a * scale * Interop.IntAsFloat(scales.X) * Silu(gates.X),
                b * scale * Interop.IntAsFloat(scales.Y) * Silu(gates.Y),
                c * scale * Interop.IntAsFloat(scales.Z) * Silu(gates.Z),
                e * scale * Interop.IntAsFloat(scales.W) * Silu(gates.W));
        }
    }

    private static float Silu(uint bits)
    {
        float gate = Interop.IntAsFloat(bits);
        return gate * Scalar.Sigmoid(gate);
    }
}
