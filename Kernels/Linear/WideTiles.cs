using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lean.Kernels;

/// <summary>
/// Tiles of <see cref="DotTiles{V, W}"/> for bf16 weights in AVX-512 registers, of rows whose length is a multiple of 16: the same sums in
/// the same order. Weights that lie in caches are multiplied as fast as instructions come, so these are as few as can be.
/// </summary>
/// <remarks>
/// Written with vectors themselves: of sums that are wrapped in a struct the compiler copies every other one at each step. Lanes are
/// summed for eight dot products at a time, which takes a quarter of the shuffles less than for four.
/// </remarks>
internal static unsafe class WideTiles
{
    private const int Lanes = 16;
    private const int CacheLine = 64;

    /// <summary>Two rows of x, eight rows of W.</summary>
    /// <param name="x">The first row of x.</param>
    /// <param name="x1">The other.</param>
    /// <param name="w">The first of the rows of W, each k long.</param>
    /// <param name="ahead">The rows of W that are read next; as many bytes are fetched from here on.</param>
    /// <param name="k">Length of the dot products.</param>
    /// <param name="y">The first row's eight sums.</param>
    /// <param name="yStride">Floats from there to the other's.</param>
    public static void TwoByEight(float* x, float* x1, ushort* w, byte* ahead, long k, float* y, long yStride)
    {
        ushort* w1 = w + k, w2 = w1 + k, w3 = w2 + k, w4 = w3 + k, w5 = w4 + k, w6 = w5 + k, w7 = w6 + k;
        Vector512<float> s00 = Vector512<float>.Zero, s01 = s00, s02 = s00, s03 = s00, s04 = s00, s05 = s00, s06 = s00, s07 = s00;
        Vector512<float> s10 = s00, s11 = s00, s12 = s00, s13 = s00, s14 = s00, s15 = s00, s16 = s00, s17 = s00;
        for (long i = 0; i < k; i += Lanes)
        {
            Fetch(ahead + (16 * i));
            Fetch(ahead + (16 * i) + (2 * CacheLine));
            Vector512<float> a = Vector512.Load(x + i), b = Vector512.Load(x1 + i), c;
            c = Load(w + i);
            (s00, s10) = (Add(a, c, s00), Add(b, c, s10));
            c = Load(w1 + i);
            (s01, s11) = (Add(a, c, s01), Add(b, c, s11));
            c = Load(w2 + i);
            (s02, s12) = (Add(a, c, s02), Add(b, c, s12));
            c = Load(w3 + i);
            (s03, s13) = (Add(a, c, s03), Add(b, c, s13));
            c = Load(w4 + i);
            (s04, s14) = (Add(a, c, s04), Add(b, c, s14));
            c = Load(w5 + i);
            (s05, s15) = (Add(a, c, s05), Add(b, c, s15));
            c = Load(w6 + i);
            (s06, s16) = (Add(a, c, s06), Add(b, c, s16));
            c = Load(w7 + i);
            (s07, s17) = (Add(a, c, s07), Add(b, c, s17));
        }

        Sum8(s00, s01, s02, s03, s04, s05, s06, s07).Store(y);
        Sum8(s10, s11, s12, s13, s14, s15, s16, s17).Store(y + yStride);
    }

    /// <summary>Three or four rows of x, four rows of W.</summary>
    /// <typeparam name="R">How many rows of x.</typeparam>
    /// <param name="x">The rows of x.</param>
    /// <param name="w">The first of the rows of W, each k long.</param>
    /// <param name="ahead">The rows of W that are read next; as many bytes are fetched from here on.</param>
    /// <param name="k">Length of the dot products.</param>
    /// <param name="y">The first row's four sums.</param>
    /// <param name="yStride">Floats from one row of y to the next.</param>
    public static void FewByFour<R>(float** x, ushort* w, byte* ahead, long k, float* y, long yStride) where R : struct, IRowCount
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = R.Count > 3 ? x[3] : null;
        ushort* w1 = w + k, w2 = w1 + k, w3 = w2 + k;
        Vector512<float> s00 = Vector512<float>.Zero, s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00;
        Vector512<float> s20 = s00, s21 = s00, s22 = s00, s23 = s00, s30 = s00, s31 = s00, s32 = s00, s33 = s00;
        for (long i = 0; i < k; i += Lanes)
        {
            Fetch(ahead + (8 * i));
            Vector512<float> a = Vector512.Load(x0 + i), b = Vector512.Load(x1 + i), c = Vector512.Load(x2 + i), d = R.Count > 3 ? Vector512.Load(x3 + i) : c, e;
            e = Load(w + i);
            (s00, s10, s20, s30) = (Add(a, e, s00), Add(b, e, s10), Add(c, e, s20), R.Count > 3 ? Add(d, e, s30) : s30);
            e = Load(w1 + i);
            (s01, s11, s21, s31) = (Add(a, e, s01), Add(b, e, s11), Add(c, e, s21), R.Count > 3 ? Add(d, e, s31) : s31);
            e = Load(w2 + i);
            (s02, s12, s22, s32) = (Add(a, e, s02), Add(b, e, s12), Add(c, e, s22), R.Count > 3 ? Add(d, e, s32) : s32);
            e = Load(w3 + i);
            (s03, s13, s23, s33) = (Add(a, e, s03), Add(b, e, s13), Add(c, e, s23), R.Count > 3 ? Add(d, e, s33) : s33);
        }

        Vector256<float> sums = Sum8(s00, s01, s02, s03, s10, s11, s12, s13);
        sums.GetLower().Store(y);
        sums.GetUpper().Store(y + yStride);
        sums = R.Count > 3 ? Sum8(s20, s21, s22, s23, s30, s31, s32, s33) : Wide.Sum4(Eight(s20), Eight(s21), Eight(s22), Eight(s23)).ToVector256Unsafe();
        sums.GetLower().Store(y + (2 * yStride));
        if (R.Count > 3)
        {
            sums.GetUpper().Store(y + (3 * yStride));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Load(ushort* w) => Avx512F.ShiftLeftLogical(Avx512F.ConvertToVector512Int32(Avx.LoadVector256(w)), 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Add(Vector512<float> a, Vector512<float> b, Vector512<float> sum) => Avx512F.FusedMultiplyAdd(a, b, sum);

    // A hint, which never faults, so running past the matrix is harmless.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(byte* place)
    {
        Sse.Prefetch0(place);
        Sse.Prefetch0(place + CacheLine);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Sum8(
        Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, Vector512<float> e, Vector512<float> f, Vector512<float> g, Vector512<float> h) =>
        Wide.Sum8(Eight(a), Eight(b), Eight(c), Eight(d), Eight(e), Eight(f), Eight(g), Eight(h));

    // Lanes i and i + 8, in double.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Eight(Vector512<float> value) => Avx512F.ConvertToVector512Double(value.GetLower()) + Avx512F.ConvertToVector512Double(value.GetUpper());
}
