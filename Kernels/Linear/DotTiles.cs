using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lean.Kernels;

/// <summary>
/// Dot products of a few rows of x with a few rows of W, kept in registers. Every dot product of more than 128 terms, whatever the tile it is
/// computed in, adds x[k]·w[k] into lane k mod 16 by fused multiply-adds in the order of k, then sums the lanes by the
/// fixed tree: one order for one row and for many.
/// </summary>
internal static unsafe class DotTiles<V, W>
    where V : struct, IVec<V>
    where W : struct, IWeightFormat<V>
{
    private const int Lanes = IVec<V>.Lanes;

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

    /// <summary>One row of x, four rows of W that lie <paramref name="pitch"/> bytes apart.</summary>
    public static Vector128<float> OneByFour(float* x, byte* w, long pitch, long k)
    {
        byte* w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch;
        V s0 = V.Zero, s1 = V.Zero, s2 = V.Zero, s3 = V.Zero;
        long i = 0;
        for (; i + Lanes <= k; i += Lanes)
        {
            V a = V.Load(x + i);
            s0 = V.Fma(a, W.Load(w, i), s0);
            s1 = V.Fma(a, W.Load(w1, i), s1);
            s2 = V.Fma(a, W.Load(w2, i), s2);
            s3 = V.Fma(a, W.Load(w3, i), s3);
        }

        if (i < k)
        {
            int rest = (int)(k - i);
            V a = V.LoadPartial(x + i, rest);
            s0 = V.Fma(a, W.LoadPartial(w, i, rest), s0);
            s1 = V.Fma(a, W.LoadPartial(w1, i, rest), s1);
            s2 = V.Fma(a, W.LoadPartial(w2, i, rest), s2);
            s3 = V.Fma(a, W.LoadPartial(w3, i, rest), s3);
        }

        return V.Sum4(s0, s1, s2, s3);
    }

    /// <summary>One row of x, eight rows of W: enough chains to hide the latency of a fused multiply-add.</summary>
    /// <param name="x">The row of x.</param>
    /// <param name="w">The first of the rows of W.</param>
    /// <param name="ahead">As many rows that are read soon; here and below they are fetched.</param>
    /// <param name="pitch">Bytes from one row of W to the next.</param>
    /// <param name="k">Length of the dot products.</param>
    /// <param name="y">The sums.</param>
    public static void OneByEight(float* x, byte* w, byte* ahead, long pitch, long k, float* y)
    {
        byte* w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch, w4 = w3 + pitch, w5 = w4 + pitch, w6 = w5 + pitch, w7 = w6 + pitch;
        V s0 = V.Zero, s1 = V.Zero, s2 = V.Zero, s3 = V.Zero, s4 = V.Zero, s5 = V.Zero, s6 = V.Zero, s7 = V.Zero;
        long i = 0;
        for (; i + Lanes <= k; i += Lanes)
        {
            Prefetch(ahead + (i * W.Size), pitch);
            Prefetch(ahead + (4 * pitch) + (i * W.Size), pitch);
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

    // The same place in four rows that come soon: each row is a stream of its own to the hardware's prefetcher, which stops at
    // every page. A hint never faults, so running past the matrix is harmless.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* next, long pitch)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(next);
            Sse.Prefetch0(next + pitch);
            Sse.Prefetch0(next + (2 * pitch));
            Sse.Prefetch0(next + (3 * pitch));
        }
    }

    /// <summary>Two rows of x, four rows of W; results row by row into y[0 … 3] and y[4 … 7].</summary>
    public static void TwoByFour(float* x0, float* x1, byte* w, byte* ahead, long pitch, long k, float* y)
    {
        byte* w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch;
        V s00 = V.Zero, s01 = V.Zero, s02 = V.Zero, s03 = V.Zero, s10 = V.Zero, s11 = V.Zero, s12 = V.Zero, s13 = V.Zero;
        long i = 0;
        for (; i + Lanes <= k; i += Lanes)
        {
            Prefetch(ahead + (i * W.Size), pitch);
            V a = V.Load(x0 + i), b = V.Load(x1 + i);
            V c = W.Load(w, i);
            s00 = V.Fma(a, c, s00);
            s10 = V.Fma(b, c, s10);
            c = W.Load(w1, i);
            s01 = V.Fma(a, c, s01);
            s11 = V.Fma(b, c, s11);
            c = W.Load(w2, i);
            s02 = V.Fma(a, c, s02);
            s12 = V.Fma(b, c, s12);
            c = W.Load(w3, i);
            s03 = V.Fma(a, c, s03);
            s13 = V.Fma(b, c, s13);
        }

        if (i < k)
        {
            int rest = (int)(k - i);
            V a = V.LoadPartial(x0 + i, rest), b = V.LoadPartial(x1 + i, rest);
            V c = W.LoadPartial(w, i, rest);
            s00 = V.Fma(a, c, s00);
            s10 = V.Fma(b, c, s10);
            c = W.LoadPartial(w1, i, rest);
            s01 = V.Fma(a, c, s01);
            s11 = V.Fma(b, c, s11);
            c = W.LoadPartial(w2, i, rest);
            s02 = V.Fma(a, c, s02);
            s12 = V.Fma(b, c, s12);
            c = W.LoadPartial(w3, i, rest);
            s03 = V.Fma(a, c, s03);
            s13 = V.Fma(b, c, s13);
        }

        V.Sum4(s00, s01, s02, s03).Store(y);
        V.Sum4(s10, s11, s12, s13).Store(y + 4);
    }

    /// <summary>Three rows of x, four rows of W; results row by row.</summary>
    public static void ThreeByFour(float** x, byte* w, byte* ahead, long pitch, long k, float* y)
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2];
        byte* w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch;
        V s00 = V.Zero, s01 = V.Zero, s02 = V.Zero, s03 = V.Zero, s10 = V.Zero, s11 = V.Zero, s12 = V.Zero, s13 = V.Zero;
        V s20 = V.Zero, s21 = V.Zero, s22 = V.Zero, s23 = V.Zero;
        long i = 0;
        for (; i + Lanes <= k; i += Lanes)
        {
            Prefetch(ahead + (i * W.Size), pitch);
            V a = V.Load(x0 + i), b = V.Load(x1 + i), c = V.Load(x2 + i);
            V e = W.Load(w, i);
            s00 = V.Fma(a, e, s00);
            s10 = V.Fma(b, e, s10);
            s20 = V.Fma(c, e, s20);
            e = W.Load(w1, i);
            s01 = V.Fma(a, e, s01);
            s11 = V.Fma(b, e, s11);
            s21 = V.Fma(c, e, s21);
            e = W.Load(w2, i);
            s02 = V.Fma(a, e, s02);
            s12 = V.Fma(b, e, s12);
            s22 = V.Fma(c, e, s22);
            e = W.Load(w3, i);
            s03 = V.Fma(a, e, s03);
            s13 = V.Fma(b, e, s13);
            s23 = V.Fma(c, e, s23);
        }

        if (i < k)
        {
            int rest = (int)(k - i);
            V a = V.LoadPartial(x0 + i, rest), b = V.LoadPartial(x1 + i, rest), c = V.LoadPartial(x2 + i, rest);
            V e = W.LoadPartial(w, i, rest);
            s00 = V.Fma(a, e, s00);
            s10 = V.Fma(b, e, s10);
            s20 = V.Fma(c, e, s20);
            e = W.LoadPartial(w1, i, rest);
            s01 = V.Fma(a, e, s01);
            s11 = V.Fma(b, e, s11);
            s21 = V.Fma(c, e, s21);
            e = W.LoadPartial(w2, i, rest);
            s02 = V.Fma(a, e, s02);
            s12 = V.Fma(b, e, s12);
            s22 = V.Fma(c, e, s22);
            e = W.LoadPartial(w3, i, rest);
            s03 = V.Fma(a, e, s03);
            s13 = V.Fma(b, e, s13);
            s23 = V.Fma(c, e, s23);
        }

        V.Sum4(s00, s01, s02, s03).Store(y);
        V.Sum4(s10, s11, s12, s13).Store(y + 4);
        V.Sum4(s20, s21, s22, s23).Store(y + 8);
    }

    /// <summary>Four rows of x, four rows of W; results row by row.</summary>
    public static void FourByFour(float** x, byte* w, byte* ahead, long pitch, long k, float* y)
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
        byte* w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch;
        V s00 = V.Zero, s01 = V.Zero, s02 = V.Zero, s03 = V.Zero, s10 = V.Zero, s11 = V.Zero, s12 = V.Zero, s13 = V.Zero;
        V s20 = V.Zero, s21 = V.Zero, s22 = V.Zero, s23 = V.Zero, s30 = V.Zero, s31 = V.Zero, s32 = V.Zero, s33 = V.Zero;
        long i = 0;
        for (; i + Lanes <= k; i += Lanes)
        {
            Prefetch(ahead + (i * W.Size), pitch);
            V a = V.Load(x0 + i), b = V.Load(x1 + i), c = V.Load(x2 + i), d = V.Load(x3 + i);
            V e = W.Load(w, i);
            s00 = V.Fma(a, e, s00);
            s10 = V.Fma(b, e, s10);
            s20 = V.Fma(c, e, s20);
            s30 = V.Fma(d, e, s30);
            e = W.Load(w1, i);
            s01 = V.Fma(a, e, s01);
            s11 = V.Fma(b, e, s11);
            s21 = V.Fma(c, e, s21);
            s31 = V.Fma(d, e, s31);
            e = W.Load(w2, i);
            s02 = V.Fma(a, e, s02);
            s12 = V.Fma(b, e, s12);
            s22 = V.Fma(c, e, s22);
            s32 = V.Fma(d, e, s32);
            e = W.Load(w3, i);
            s03 = V.Fma(a, e, s03);
            s13 = V.Fma(b, e, s13);
            s23 = V.Fma(c, e, s23);
            s33 = V.Fma(d, e, s33);
        }

        if (i < k)
        {
            int rest = (int)(k - i);
            V a = V.LoadPartial(x0 + i, rest), b = V.LoadPartial(x1 + i, rest), c = V.LoadPartial(x2 + i, rest), d = V.LoadPartial(x3 + i, rest);
            V e = W.LoadPartial(w, i, rest);
            s00 = V.Fma(a, e, s00);
            s10 = V.Fma(b, e, s10);
            s20 = V.Fma(c, e, s20);
            s30 = V.Fma(d, e, s30);
            e = W.LoadPartial(w1, i, rest);
            s01 = V.Fma(a, e, s01);
            s11 = V.Fma(b, e, s11);
            s21 = V.Fma(c, e, s21);
            s31 = V.Fma(d, e, s31);
            e = W.LoadPartial(w2, i, rest);
            s02 = V.Fma(a, e, s02);
            s12 = V.Fma(b, e, s12);
            s22 = V.Fma(c, e, s22);
            s32 = V.Fma(d, e, s32);
            e = W.LoadPartial(w3, i, rest);
            s03 = V.Fma(a, e, s03);
            s13 = V.Fma(b, e, s13);
            s23 = V.Fma(c, e, s23);
            s33 = V.Fma(d, e, s33);
        }

        V.Sum4(s00, s01, s02, s03).Store(y);
        V.Sum4(s10, s11, s12, s13).Store(y + 4);
        V.Sum4(s20, s21, s22, s23).Store(y + 8);
        V.Sum4(s30, s31, s32, s33).Store(y + 12);
    }

    /// <summary>Six rows of x, four rows of W: 24 sums, the tile of prompts where 32 registers are at hand.</summary>
    /// <param name="x">The six rows of x.</param>
    /// <param name="w">The first of the rows of W.</param>
    /// <param name="pitch">Bytes from one row of W to the next.</param>
    /// <param name="k">Length of the dot products.</param>
    /// <param name="tails">Room for ten vectors.</param>
    /// <param name="y">The sums, row by row.</param>
    public static void SixByFour(float** x, byte* w, long pitch, long k, float* tails, float* y)
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5];
        byte* w0 = w, w1 = w0 + pitch, w2 = w1 + pitch, w3 = w2 + pitch;
        long end = k / Lanes * Lanes;
        bool tail = end < k;
        if (tail)
        {
            PadTails(x, w, pitch, k, tails);
        }

        V s00 = V.Zero, s01 = V.Zero, s02 = V.Zero, s03 = V.Zero;
        V s10 = V.Zero, s11 = V.Zero, s12 = V.Zero, s13 = V.Zero;
        V s20 = V.Zero, s21 = V.Zero, s22 = V.Zero, s23 = V.Zero;
        V s30 = V.Zero, s31 = V.Zero, s32 = V.Zero, s33 = V.Zero;
        V s40 = V.Zero, s41 = V.Zero, s42 = V.Zero, s43 = V.Zero;
        V s50 = V.Zero, s51 = V.Zero, s52 = V.Zero, s53 = V.Zero;
        while (true)
        {
            for (long i = 0; i < end; i += Lanes)
            {
                V a = W.Load(w0, i), b = W.Load(w1, i), c = W.Load(w2, i), d = W.Load(w3, i);
                V v = V.Load(x0 + i);
                s00 = V.Fma(v, a, s00);
                s01 = V.Fma(v, b, s01);
                s02 = V.Fma(v, c, s02);
                s03 = V.Fma(v, d, s03);
                v = V.Load(x1 + i);
                s10 = V.Fma(v, a, s10);
                s11 = V.Fma(v, b, s11);
                s12 = V.Fma(v, c, s12);
                s13 = V.Fma(v, d, s13);
                v = V.Load(x2 + i);
                s20 = V.Fma(v, a, s20);
                s21 = V.Fma(v, b, s21);
                s22 = V.Fma(v, c, s22);
                s23 = V.Fma(v, d, s23);
                v = V.Load(x3 + i);
                s30 = V.Fma(v, a, s30);
                s31 = V.Fma(v, b, s31);
                s32 = V.Fma(v, c, s32);
                s33 = V.Fma(v, d, s33);
                v = V.Load(x4 + i);
                s40 = V.Fma(v, a, s40);
                s41 = V.Fma(v, b, s41);
                s42 = V.Fma(v, c, s42);
                s43 = V.Fma(v, d, s43);
                v = V.Load(x5 + i);
                s50 = V.Fma(v, a, s50);
                s51 = V.Fma(v, b, s51);
                s52 = V.Fma(v, c, s52);
                s53 = V.Fma(v, d, s53);
            }

            if (!tail)
            {
                break;
            }

            // Once more over the padded tails: a call or a branch inside the loop would cost the sums their registers.
            (tail, end) = (false, Lanes);
            x0 = tails;
            x1 = x0 + Lanes;
            x2 = x1 + Lanes;
            x3 = x2 + Lanes;
            x4 = x3 + Lanes;
            x5 = x4 + Lanes;
            w0 = (byte*)(x5 + Lanes);
            w1 = w0 + (Lanes * W.Size);
            w2 = w1 + (Lanes * W.Size);
            w3 = w2 + (Lanes * W.Size);
        }

        V.Sum4(s00, s01, s02, s03).Store(y);
        V.Sum4(s10, s11, s12, s13).Store(y + 4);
        V.Sum4(s20, s21, s22, s23).Store(y + 8);
        V.Sum4(s30, s31, s32, s33).Store(y + 12);
        V.Sum4(s40, s41, s42, s43).Store(y + 16);
        V.Sum4(s50, s51, s52, s53).Store(y + 20);
    }

    // The last k mod 16 elements of six rows of x and four of W, padded with zeros, in the order SixByFour reads them.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void PadTails(float** x, byte* w, long pitch, long k, float* tails)
    {
        long first = k / Lanes * Lanes, rest = k - first;
        new Span<float>(tails, 10 * Lanes).Clear();
        for (int r = 0; r < 6; r++)
        {
            Buffer.MemoryCopy(x[r] + first, tails + (r * Lanes), rest * sizeof(float), rest * sizeof(float));
        }

        byte* target = (byte*)(tails + (6 * Lanes));
        for (int n = 0; n < 4; n++)
        {
            Buffer.MemoryCopy(w + (n * pitch) + (first * W.Size), target + (n * Lanes * W.Size), rest * W.Size, rest * W.Size);
        }
    }

    /// <summary>Three rows of x, two rows of W: 12 sums, the tile of prompts where there are 16 half-width registers.</summary>
    public static void ThreeByTwo(float** x, byte* w, long pitch, long k, float* y)
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2];
        byte* w1 = w + pitch;
        V s00 = V.Zero, s01 = V.Zero, s10 = V.Zero, s11 = V.Zero, s20 = V.Zero, s21 = V.Zero;
        long i = 0;
        for (; i + Lanes <= k; i += Lanes)
        {
            V a = W.Load(w, i), b = W.Load(w1, i);
            V v = V.Load(x0 + i);
            s00 = V.Fma(v, a, s00);
            s01 = V.Fma(v, b, s01);
            v = V.Load(x1 + i);
            s10 = V.Fma(v, a, s10);
            s11 = V.Fma(v, b, s11);
            v = V.Load(x2 + i);
            s20 = V.Fma(v, a, s20);
            s21 = V.Fma(v, b, s21);
        }

        if (i < k)
        {
            int rest = (int)(k - i);
            V a = W.LoadPartial(w, i, rest), b = W.LoadPartial(w1, i, rest);
            V v = V.LoadPartial(x0 + i, rest);
            s00 = V.Fma(v, a, s00);
            s01 = V.Fma(v, b, s01);
            v = V.LoadPartial(x1 + i, rest);
            s10 = V.Fma(v, a, s10);
            s11 = V.Fma(v, b, s11);
            v = V.LoadPartial(x2 + i, rest);
            s20 = V.Fma(v, a, s20);
            s21 = V.Fma(v, b, s21);
        }

        V.Sum4(s00, s01, s10, s11).Store(y);
        (y[4], y[5]) = (V.Sum(s20), V.Sum(s21));
    }
}
