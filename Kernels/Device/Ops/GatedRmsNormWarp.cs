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
        int own = (Grid.IdxX * Warps) + (Group.IdxX >> 5), at = Math.Min(own, (rows * heads) - 1), d = (Group.IdxX & 31) * 4;
        U4 y = Norm<F32Row, float>(WideAccess.Load(ref x[((long)at * Dim) + d]), z, weight, heads, zStride, epsilon, at, d);
        if (own == at)
        {
            WideAccess.Store(ref output[((long)at * Dim) + d], y);
        }
    }

    /// <summary>
    /// The same to the bf16 terms that the product behind it multiplies (<see cref="ActivationTerms"/>). Groups whose rows are early, there before the
    /// launch before this one began, do not wait for that: they run beside the last walk of a delta rule, which leaves much of a large card idle.
    /// </summary>
    /// <param name="x">f32 or bf16.</param>
    /// <param name="z">Likewise.</param>
    /// <param name="weight">f32.</param>
    /// <param name="terms">bf16 [T, P]: terms of N·128 numbers, a multiple of 64.</param>
    /// <param name="rows">T.</param>
    /// <param name="heads">N.</param>
    /// <param name="zStride">Elements from a row to the next.</param>
    /// <param name="packed">P.</param>
    /// <param name="earlyRows">The first rows that are early: less than T, so that who waits for this launch's end waits for that before it too.</param>
    /// <param name="epsilon">ε.</param>
    [Kernel("gated_rms_norm_terms", Threads, groups: "T*N/8")]
    [Instance("", typeof(SplitTerms), typeof(F32Row), typeof(float))]
    [Instance("rounded", typeof(SingleTerm), typeof(F32Row), typeof(float))]
    [Instance("rounded_bf16", typeof(SingleTerm), typeof(BF16Row), typeof(ushort))]
    [Cuda("sm_80")]
    public static void Terms<TTerms, TFormat, TElement>(
        [Shape("T", "N", "128")] ArrayView<TElement> x,
        [Shape("T", "N*128")] ArrayView<TElement> z,
        [Shape("128")] ArrayView<float> weight,
        [Shape("T", "P")] ArrayView<ushort> terms,
        [Extent("T")] int rows,
        [Extent("N")] int heads,
        [RowStride("z")] int zStride,
        [Extent("P")] int packed,
        int earlyRows,
        float epsilon)
        where TTerms : struct, IActivationTerms
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        DependentLaunch.Allow();
        int own = (Grid.IdxX * Warps) + (Group.IdxX >> 5), at = Math.Min(own, (rows * heads) - 1), d = (Group.IdxX & 31) * 4, row = at / heads;
        var given = default(U4);
        if ((Grid.IdxX + 1) * Warps <= earlyRows * heads)
        {
            given = TFormat.Fresh(x, ((long)at * Dim) + d);
        }
        else
        {
            DependentLaunch.Wait();
            given = TFormat.Load(x, ((long)at * Dim) + d);
        }

        U4 y = Norm<TFormat, TElement>(given, z, weight, heads, zStride, epsilon, at, d);
        U4 pairs = SplitProducts.Pairs(Interop.IntAsFloat(y.X), Interop.IntAsFloat(y.Y), Interop.IntAsFloat(y.Z), Interop.IntAsFloat(y.W));
        long to = ((long)row * packed) + ((at - (row * heads)) * Dim) + d;
        if (own == at)
        {
            WideAccess.Store2(ref terms[to], pairs.X, pairs.Y);
            if (TTerms.Count == 2)
            {
                WideAccess.Store2(ref terms[to + (packed / 2)], pairs.Z, pairs.W);
            }
        }
    }

    // A lane's four of a head.
    private static U4 Norm<TFormat, TElement>(U4 bits, ArrayView<TElement> z, ArrayView<float> weight, int heads, int zStride, float epsilon, int at, int d)
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        int row = at / heads, head = at - (row * heads);
        U4 gates = TFormat.Load(z, ((long)row * zStride) + (head * Dim) + d);
        U4 scales = WideAccess.Load(ref weight[d]);
        float a = Interop.IntAsFloat(bits.X), b = Interop.IntAsFloat(bits.Y), c = Interop.IntAsFloat(bits.Z), e = Interop.IntAsFloat(bits.W);
        float squares = Scalar.Fma(a, a, Scalar.Fma(b, b, Scalar.Fma(c, c, e * e)));
        squares += Lanes.Xor(squares, 16);
        squares += Lanes.Xor(squares, 8);
        squares += Lanes.Xor(squares, 4);
        squares += Lanes.Xor(squares, 2);
        squares += Lanes.Xor(squares, 1);
        float scale = Scalar.Rsqrt((squares / Dim) + epsilon);
        var y = default(U4);
        y.X = Interop.FloatAsInt(a * scale * Interop.IntAsFloat(scales.X) * Silu(gates.X));
        y.Y = Interop.FloatAsInt(b * scale * Interop.IntAsFloat(scales.Y) * Silu(gates.Y));
        y.Z = Interop.FloatAsInt(c * scale * Interop.IntAsFloat(scales.Z) * Silu(gates.Z));
        y.W = Interop.FloatAsInt(e * scale * Interop.IntAsFloat(scales.W) * Silu(gates.W));
        return y;
    }

    private static float Silu(uint bits)
    {
        float gate = Interop.IntAsFloat(bits);
        return gate * Scalar.Sigmoid(gate);
    }
}
