using System.Runtime.CompilerServices;

namespace Lean.Kernels;

/// <summary>
/// C[m, n] (+)= Σ_k A[m, k] · B[k, n] for matrices that fit into a core's cache, lanes along n. Every element is one chain
/// of fused multiply-adds in the order of k, whatever the tile, so cutting m or n anywhere changes nothing.
/// </summary>
internal static unsafe class SmallProduct<V> where V : struct, IVec<V>
{
    private const int Lanes = IVec<V>.Lanes;

    /// <summary>Computes the product.</summary>
    /// <param name="m">Rows of A and C.</param>
    /// <param name="n">Columns of B and C.</param>
    /// <param name="k">Columns of A, rows of B.</param>
    /// <param name="a">A.</param>
    /// <param name="aRow">Floats from one row of A to the next.</param>
    /// <param name="aStep">Floats from one column of A to the next.</param>
    /// <param name="b">B, row-major.</param>
    /// <param name="bRow">Floats from one row of B to the next.</param>
    /// <param name="c">C, row-major.</param>
    /// <param name="cRow">Floats from one row of C to the next.</param>
    /// <param name="accumulate">Whether the chains begin with what C holds, instead of zero.</param>
    public static void Run(
        int m, int n, int k, float* a, long aRow, long aStep, float* b, long bRow, float* c, long cRow, bool accumulate)
    {
        int i = 0;
        if (V.Registers >= 32)
        {
            for (; i + 4 <= m; i += 4)
            {
                Four(n, k, a + (i * aRow), aRow, aStep, b, bRow, c + (i * cRow), cRow, accumulate);
            }

            for (; i + 2 <= m && n % (4 * Lanes) == 0; i += 2)
            {
                Two(n, k, a + (i * aRow), aRow, aStep, b, bRow, c + (i * cRow), cRow, accumulate);
            }
        }

        for (; i < m; i++)
        {
            One(n, k, a + (i * aRow), aStep, b, bRow, c + (i * cRow), accumulate);
        }
    }

    private static void One(int n, int k, float* a, long aStep, float* b, long bRow, float* c, bool accumulate)
    {
        int j = 0;
        for (; j + (4 * Lanes) <= n; j += 4 * Lanes)
        {
            V s0, s1, s2, s3;
            if (accumulate)
            {
                (s0, s1) = (V.Load(c + j), V.Load(c + j + Lanes));
                (s2, s3) = (V.Load(c + j + (2 * Lanes)), V.Load(c + j + (3 * Lanes)));
            }
            else
            {
                s0 = s1 = s2 = s3 = V.Zero;
            }

            for (int p = 0; p < k; p++)
            {
                V x = V.Broadcast(a[p * aStep]);
                float* row = b + (p * bRow) + j;
                s0 = V.Fma(x, V.Load(row), s0);
                s1 = V.Fma(x, V.Load(row + Lanes), s1);
                s2 = V.Fma(x, V.Load(row + (2 * Lanes)), s2);
                s3 = V.Fma(x, V.Load(row + (3 * Lanes)), s3);
            }

            V.Store(c + j, s0);
            V.Store(c + j + Lanes, s1);
            V.Store(c + j + (2 * Lanes), s2);
            V.Store(c + j + (3 * Lanes), s3);
        }

        for (; j + (2 * Lanes) <= n; j += 2 * Lanes)
        {
            V s0 = accumulate ? V.Load(c + j) : V.Zero, s1 = accumulate ? V.Load(c + j + Lanes) : V.Zero;
            for (int p = 0; p < k; p++)
            {
                V x = V.Broadcast(a[p * aStep]);
                s0 = V.Fma(x, V.Load(b + (p * bRow) + j), s0);
                s1 = V.Fma(x, V.Load(b + (p * bRow) + j + Lanes), s1);
            }

            V.Store(c + j, s0);
            V.Store(c + j + Lanes, s1);
        }

        for (; j < n; j += Lanes)
        {
            int count = int.Min(Lanes, n - j);
            V s = accumulate ? V.LoadPartial(c + j, count) : V.Zero;
            for (int p = 0; p < k; p++)
            {
                s = V.Fma(V.Broadcast(a[p * aStep]), V.LoadPartial(b + (p * bRow) + j, count), s);
            }

            V.StorePartial(c + j, s, count);
        }
    }

    // Of whole tiles of columns only.
    private static void Two(int n, int k, float* a, long aRow, long aStep, float* b, long bRow, float* c, long cRow, bool accumulate)
    {
        float* a1 = a + aRow, c1 = c + cRow;
        for (int j = 0; j < n; j += 4 * Lanes)
        {
            V s00 = V.Zero, s01 = V.Zero, s02 = V.Zero, s03 = V.Zero, s10 = V.Zero, s11 = V.Zero, s12 = V.Zero, s13 = V.Zero;
            if (accumulate)
            {
                Begin(c + j, ref s00, ref s01, ref s02, ref s03);
                Begin(c1 + j, ref s10, ref s11, ref s12, ref s13);
            }

            for (int p = 0; p < k; p++)
            {
                float* row = b + (p * bRow) + j;
                V b0 = V.Load(row), b1 = V.Load(row + Lanes), b2 = V.Load(row + (2 * Lanes)), b3 = V.Load(row + (3 * Lanes));
                V x = V.Broadcast(a[p * aStep]);
                s00 = V.Fma(x, b0, s00);
                s01 = V.Fma(x, b1, s01);
                s02 = V.Fma(x, b2, s02);
                s03 = V.Fma(x, b3, s03);
                x = V.Broadcast(a1[p * aStep]);
                s10 = V.Fma(x, b0, s10);
                s11 = V.Fma(x, b1, s11);
                s12 = V.Fma(x, b2, s12);
                s13 = V.Fma(x, b3, s13);
            }

            End(c + j, s00, s01, s02, s03);
            End(c1 + j, s10, s11, s12, s13);
        }
    }

    private static void Four(int n, int k, float* a, long aRow, long aStep, float* b, long bRow, float* c, long cRow, bool accumulate)
    {
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow;
        float* c1 = c + cRow, c2 = c1 + cRow, c3 = c2 + cRow;
        int j = 0;
        for (; j + (4 * Lanes) <= n; j += 4 * Lanes)
        {
            V s00 = V.Zero, s01 = V.Zero, s02 = V.Zero, s03 = V.Zero, s10 = V.Zero, s11 = V.Zero, s12 = V.Zero, s13 = V.Zero;
            V s20 = V.Zero, s21 = V.Zero, s22 = V.Zero, s23 = V.Zero, s30 = V.Zero, s31 = V.Zero, s32 = V.Zero, s33 = V.Zero;
            if (accumulate)
            {
                Begin(c + j, ref s00, ref s01, ref s02, ref s03);
                Begin(c1 + j, ref s10, ref s11, ref s12, ref s13);
                Begin(c2 + j, ref s20, ref s21, ref s22, ref s23);
                Begin(c3 + j, ref s30, ref s31, ref s32, ref s33);
            }

            for (int p = 0; p < k; p++)
            {
                float* row = b + (p * bRow) + j;
                V b0 = V.Load(row), b1 = V.Load(row + Lanes), b2 = V.Load(row + (2 * Lanes)), b3 = V.Load(row + (3 * Lanes));
                V x = V.Broadcast(a[p * aStep]);
                s00 = V.Fma(x, b0, s00);
                s01 = V.Fma(x, b1, s01);
                s02 = V.Fma(x, b2, s02);
                s03 = V.Fma(x, b3, s03);
                x = V.Broadcast(a1[p * aStep]);
                s10 = V.Fma(x, b0, s10);
                s11 = V.Fma(x, b1, s11);
                s12 = V.Fma(x, b2, s12);
                s13 = V.Fma(x, b3, s13);
                x = V.Broadcast(a2[p * aStep]);
                s20 = V.Fma(x, b0, s20);
                s21 = V.Fma(x, b1, s21);
                s22 = V.Fma(x, b2, s22);
                s23 = V.Fma(x, b3, s23);
                x = V.Broadcast(a3[p * aStep]);
                s30 = V.Fma(x, b0, s30);
                s31 = V.Fma(x, b1, s31);
                s32 = V.Fma(x, b2, s32);
                s33 = V.Fma(x, b3, s33);
            }

            End(c + j, s00, s01, s02, s03);
            End(c1 + j, s10, s11, s12, s13);
            End(c2 + j, s20, s21, s22, s23);
            End(c3 + j, s30, s31, s32, s33);
        }

        for (; j < n; j += Lanes)
        {
            int count = int.Min(Lanes, n - j);
            V s0 = V.Zero, s1 = V.Zero, s2 = V.Zero, s3 = V.Zero;
            if (accumulate)
            {
                (s0, s1) = (V.LoadPartial(c + j, count), V.LoadPartial(c1 + j, count));
                (s2, s3) = (V.LoadPartial(c2 + j, count), V.LoadPartial(c3 + j, count));
            }

            for (int p = 0; p < k; p++)
            {
                V row = V.LoadPartial(b + (p * bRow) + j, count);
                s0 = V.Fma(V.Broadcast(a[p * aStep]), row, s0);
                s1 = V.Fma(V.Broadcast(a1[p * aStep]), row, s1);
                s2 = V.Fma(V.Broadcast(a2[p * aStep]), row, s2);
                s3 = V.Fma(V.Broadcast(a3[p * aStep]), row, s3);
            }

            V.StorePartial(c + j, s0, count);
            V.StorePartial(c1 + j, s1, count);
            V.StorePartial(c2 + j, s2, count);
            V.StorePartial(c3 + j, s3, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Begin(float* c, ref V s0, ref V s1, ref V s2, ref V s3)
    {
        s0 = V.Load(c);
        s1 = V.Load(c + Lanes);
        s2 = V.Load(c + (2 * Lanes));
        s3 = V.Load(c + (3 * Lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void End(float* c, V s0, V s1, V s2, V s3)
    {
        V.Store(c, s0);
        V.Store(c + Lanes, s1);
        V.Store(c + (2 * Lanes), s2);
        V.Store(c + (3 * Lanes), s3);
    }
}
