using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lean.Kernels;

/// <summary>
/// Dot products of a few rows of x with a few rows of W, kept in registers. Every dot product of more than 128 terms, whatever the tile it is
/// computed in, adds x[k]·w[k] into lane k mod 16 by fused multiply-adds in the order of k, then sums the lanes by the
/// fixed tree: one order for one row and for many.
/// </summary>
/// <remarks>
/// Rows of W are read side by side, but fetched one after the other, as they lie: while a tile is computed, the bytes of the
/// next one come in order of their addresses. Fetched side by side, each row would be a stream of its own, that the hardware's
/// prefetcher loses at every page and a memory's open page with every line: a quarter less than a plain read brings.
/// </remarks>
internal static unsafe class DotTiles<V, W>
    where V : struct, IVec<V>
    where W : struct, IWeightFormat<V>
{
    private const int Lanes = IVec<V>.Lanes;
    private const int CacheLine = 64;

    /// <summary>One row of x, one row of W.</summary>
    public static float One(float* x, byte* w, long k)
    {
        V s = V.Zero;
        long i = 0;
        for (; i + Lanes <= k; i += Lanes)
        {
            s = V.Fma(V.Load(x + i), W.Load(w, i), s);
        }

        if (i < k)
        {
            int rest = (int)(k - i);
            s = V.Fma(V.LoadPartial(x + i, rest), W.LoadPartial(w, i, rest), s);
        }

        return V.Sum(s);
    }

    /// <summary>One to four rows of x, four rows of W.</summary>
    /// <typeparam name="R">How many rows of x.</typeparam>
    /// <param name="x">The rows of x.</param>
    /// <param name="w">The first of the rows of W.</param>
    /// <param name="ahead">The rows of W that are read next; as many bytes are fetched from here on.</param>
    /// <param name="pitch">Bytes from one row of W to the next.</param>
    /// <param name="k">Length of the dot products.</param>
    /// <param name="y">The sums, row by row.</param>
    public static void FewByFour<R>(float** x, byte* w, byte* ahead, long pitch, long k, float* y) where R : struct, IRowCount
    {
        // What is never used of these is never kept: the number of rows is a constant to the compiler.
        float* x0 = x[0], x1 = R.Count > 1 ? x[1] : null, x2 = R.Count > 2 ? x[2] : null, x3 = R.Count > 3 ? x[3] : null;
        byte* w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch;
        V s00 = V.Zero, s01 = V.Zero, s02 = V.Zero, s03 = V.Zero, s10 = V.Zero, s11 = V.Zero, s12 = V.Zero, s13 = V.Zero;
        V s20 = V.Zero, s21 = V.Zero, s22 = V.Zero, s23 = V.Zero, s30 = V.Zero, s31 = V.Zero, s32 = V.Zero, s33 = V.Zero;
        long i = 0;
        for (; i + Lanes <= k; i += Lanes)
        {
            Prefetch(ahead + (4 * i * W.Size));
            V a = V.Load(x0 + i), b = R.Count > 1 ? V.Load(x1 + i) : a, c = R.Count > 2 ? V.Load(x2 + i) : a, d = R.Count > 3 ? V.Load(x3 + i) : a;
            Add<R>(W.Load(w, i), a, b, c, d, ref s00, ref s10, ref s20, ref s30);
            Add<R>(W.Load(w1, i), a, b, c, d, ref s01, ref s11, ref s21, ref s31);
            Add<R>(W.Load(w2, i), a, b, c, d, ref s02, ref s12, ref s22, ref s32);
            Add<R>(W.Load(w3, i), a, b, c, d, ref s03, ref s13, ref s23, ref s33);
        }

        if (i < k)
        {
            int rest = (int)(k - i);
            V a = V.LoadPartial(x0 + i, rest), b = R.Count > 1 ? V.LoadPartial(x1 + i, rest) : a;
            V c = R.Count > 2 ? V.LoadPartial(x2 + i, rest) : a, d = R.Count > 3 ? V.LoadPartial(x3 + i, rest) : a;
            Add<R>(W.LoadPartial(w, i, rest), a, b, c, d, ref s00, ref s10, ref s20, ref s30);
            Add<R>(W.LoadPartial(w1, i, rest), a, b, c, d, ref s01, ref s11, ref s21, ref s31);
            Add<R>(W.LoadPartial(w2, i, rest), a, b, c, d, ref s02, ref s12, ref s22, ref s32);
            Add<R>(W.LoadPartial(w3, i, rest), a, b, c, d, ref s03, ref s13, ref s23, ref s33);
        }

        V.Sum4(s00, s01, s02, s03).Store(y);
        if (R.Count > 1)
        {
            V.Sum4(s10, s11, s12, s13).Store(y + 4);
        }

        if (R.Count > 2)
        {
            V.Sum4(s20, s21, s22, s23).Store(y + 8);
        }

        if (R.Count > 3)
        {
            V.Sum4(s30, s31, s32, s33).Store(y + 12);
        }
    }

    /// <summary>One row of x, eight rows of W: enough chains to hide the latency of a fused multiply-add where rows are short.</summary>
    /// <inheritdoc cref="FewByFour{R}" path="/param"/>
    public static void OneByEight(float* x, byte* w, byte* ahead, long pitch, long k, float* y)
    {
        byte* w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch, w4 = w3 + pitch, w5 = w4 + pitch, w6 = w5 + pitch, w7 = w6 + pitch;
        V s0 = V.Zero, s1 = V.Zero, s2 = V.Zero, s3 = V.Zero, s4 = V.Zero, s5 = V.Zero, s6 = V.Zero, s7 = V.Zero;
        long i = 0;
        for (; i + Lanes <= k; i += Lanes)
        {
            Prefetch(ahead + (8 * i * W.Size));
            Prefetch(ahead + (8 * i * W.Size) + (4 * Lanes * W.Size));
            V a = V.Load(x + i);
            s0 = V.Fma(a, W.Load(w, i), s0);
            s1 = V.Fma(a, W.Load(w1, i), s1);
            s2 = V.Fma(a, W.Load(w2, i), s2);
            s3 = V.Fma(a, W.Load(w3, i), s3);
            s4 = V.Fma(a, W.Load(w4, i), s4);
            s5 = V.Fma(a, W.Load(w5, i), s5);
            s6 = V.Fma(a, W.Load(w6, i), s6);
            s7 = V.Fma(a, W.Load(w7, i), s7);
        }

        if (i < k)
        {
            int rest = (int)(k - i);
            V a = V.LoadPartial(x + i, rest);
            s0 = V.Fma(a, W.LoadPartial(w, i, rest), s0);
            s1 = V.Fma(a, W.LoadPartial(w1, i, rest), s1);
            s2 = V.Fma(a, W.LoadPartial(w2, i, rest), s2);
            s3 = V.Fma(a, W.LoadPartial(w3, i, rest), s3);
            s4 = V.Fma(a, W.LoadPartial(w4, i, rest), s4);
            s5 = V.Fma(a, W.LoadPartial(w5, i, rest), s5);
            s6 = V.Fma(a, W.LoadPartial(w6, i, rest), s6);
            s7 = V.Fma(a, W.LoadPartial(w7, i, rest), s7);
        }

        V.Sum4(s0, s1, s2, s3).Store(y);
        V.Sum4(s4, s5, s6, s7).Store(y + 4);
    }

    // What sixteen elements of four rows take: a hint, which never faults, so running past the matrix is harmless.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* next)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(next);
            Sse.Prefetch0(next + CacheLine);
            if (W.Size > 2)
            {
                Sse.Prefetch0(next + (2 * CacheLine));
                Sse.Prefetch0(next + (3 * CacheLine));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<R>(V w, V a, V b, V c, V d, ref V s0, ref V s1, ref V s2, ref V s3) where R : struct, IRowCount
    {
        s0 = V.Fma(a, w, s0);
        s1 = R.Count > 1 ? V.Fma(b, w, s1) : s1;
        s2 = R.Count > 2 ? V.Fma(c, w, s2) : s2;
        s3 = R.Count > 3 ? V.Fma(d, w, s3) : s3;
    }
}
