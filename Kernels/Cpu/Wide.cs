using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lean.Kernels;

/// <summary>
/// Eight lanes in double, for the places where rounding to f32 at every step shows: norms, the convolution, short dot
/// products. A product of two f32 values is exact in double, so multiply-and-add gives the same bits fused or not, and
/// every instruction set the same.
/// </summary>
internal static unsafe class Wide
{
    /// <summary>Lanes of a vector.</summary>
    public const int Lanes = 8;

    /// <summary>The first <paramref name="count"/> (0 … 8) values, widened; the other lanes are 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Load(float* source, int count)
    {
        if (count >= Lanes)
        {
            return Vector512.WidenLower(Vector256.Load(source).ToVector512Unsafe());
        }

        Vector256<float> copy = Vector256<float>.Zero;
        float* lanes = (float*)&copy;
        for (int i = 0; i < count; i++)
        {
            lanes[i] = source[i];
        }

        return Vector512.WidenLower(copy.ToVector512Unsafe());
    }

    /// <summary>Rounds to f32 and writes the first <paramref name="count"/> (0 … 8) lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* target, Vector512<double> value, int count)
    {
        Vector256<float> rounded = Vector512.Narrow(value, value).GetLower();
        if (count >= Lanes)
        {
            rounded.Store(target);
            return;
        }

        float* lanes = (float*)&rounded;
        for (int i = 0; i < count; i++)
        {
            target[i] = lanes[i];
        }
    }

    /// <summary>The sum of the lanes by halving: lane i with i + 4, then + 2, then + 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(Vector512<double> value)
    {
        Vector256<double> four = value.GetLower() + value.GetUpper();
        Vector128<double> two = four.GetLower() + four.GetUpper();
        return two[0] + two[1];
    }

    /// <summary>Four sums at once, each by the tree of <see cref="Sum"/>, rounded to f32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sum4(Vector512<double> a, Vector512<double> b, Vector512<double> c, Vector512<double> d)
    {
        if (!Avx512F.IsSupported)
        {
            return Vector128.Create((float)Sum(a), (float)Sum(b), (float)Sum(c), (float)Sum(d));
        }

        Vector512<double> pairs = Quarters(a, b, c, d);
        Vector256<float> sums = Avx512F.ConvertToVector256Single(pairs + Avx512F.Permute2x64(pairs, 0x55));
        return Sse.Shuffle(sums.GetLower(), sums.GetUpper(), 0x88);
    }

    /// <summary>Eight sums at once, each by the tree of <see cref="Sum"/>, rounded to f32, with AVX-512.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sum8(
        Vector512<double> a, Vector512<double> b, Vector512<double> c, Vector512<double> d, Vector512<double> e, Vector512<double> f, Vector512<double> g, Vector512<double> h)
    {
        Vector512<double> even = Quarters(a, c, e, g), odd = Quarters(b, d, f, h);
        return Avx512F.ConvertToVector256Single(Avx512F.UnpackLow(even, odd) + Avx512F.UnpackHigh(even, odd));
    }

    // Halves of two sums side by side, then quarters of four: what is left are neighbours.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Quarters(Vector512<double> a, Vector512<double> b, Vector512<double> c, Vector512<double> d)
    {
        Vector512<double> ab = Avx512F.Shuffle4x128(a, b, 0x44) + Avx512F.Shuffle4x128(a, b, 0xEE);
        Vector512<double> cd = Avx512F.Shuffle4x128(c, d, 0x44) + Avx512F.Shuffle4x128(c, d, 0xEE);
        return Avx512F.Shuffle4x128(ab, cd, 0x88) + Avx512F.Shuffle4x128(ab, cd, 0xDD);
    }

    /// <summary>
    /// e^x: x = n·ln 2 + r, a Taylor polynomial of degree 10 in r (relative error below 1e-12), times 2^n. Beyond ±700 it
    /// stays where it is there, far outside f32; NaN stays NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Exp(Vector512<double> x)
    {
        // Adding and taking away 1.5·2^52 rounds to an integer, whose bits stand lowest in the sum.
        Vector512<double> rounder = Vector512.Create(6755399441055744.0);
        x = Vector512.MaxNative(Vector512.Create(-700.0), Vector512.MinNative(Vector512.Create(700.0), x));
        Vector512<double> shifted = (x * Vector512.Create(1.4426950408889634)) + rounder;
        Vector512<double> n = shifted - rounder;
        Vector512<double> r = (x - (n * Vector512.Create(0.693147180369123816490))) - (n * Vector512.Create(1.90821492927058770002e-10));
        Vector512<double> p = Vector512.Create(1.0 / 3628800);
        p = (p * r) + Vector512.Create(1.0 / 362880);
        p = (p * r) + Vector512.Create(1.0 / 40320);
        p = (p * r) + Vector512.Create(1.0 / 5040);
        p = (p * r) + Vector512.Create(1.0 / 720);
        p = (p * r) + Vector512.Create(1.0 / 120);
        p = (p * r) + Vector512.Create(1.0 / 24);
        p = (p * r) + Vector512.Create(1.0 / 6);
        p = (p * r) + Vector512.Create(0.5);
        p = (p * r) + Vector512.Create(1.0);
        p = (p * r) + Vector512.Create(1.0);
        Vector512<double> power = Vector512.ShiftLeft(shifted.AsInt64() + Vector512.Create(1023L), 52).AsDouble();
        return p * power;
    }

    /// <summary>x / (1 + e^−x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Silu(Vector512<double> x) =>
        x / (Vector512.Create(1.0) + Exp(Vector512<double>.Zero - x));
}
