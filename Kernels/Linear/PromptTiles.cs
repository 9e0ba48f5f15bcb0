using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lean.Kernels;

/// <summary>
/// The tiles of many rows of x, by the order of <see cref="DotTiles{V, W}"/>: the block of W lies in a cache, and what counts is
/// that every value loaded is used often.
/// </summary>
internal static unsafe class PromptTiles<V, W>
    where V : struct, IVec<V>
    where W : struct, IWeightFormat<V>
{
    private const int Lanes = IVec<V>.Lanes;

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
