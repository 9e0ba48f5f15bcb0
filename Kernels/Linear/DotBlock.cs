using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lean.Kernels;

/// <summary>What a dot product costs, for whoever shares them between threads.</summary>
internal static class DotBlock
{
    /// <summary>Multiply-adds in f32 that take as long as one dot product of k terms: short ones are widened and summed in double.</summary>
    public static long Work(long k) => k <= ShortDots.MaxTerms ? 3 * k : k;
}

/// <summary>
/// The products of many rows of x with a block of consecutive rows of W: picks tiles, keeps the block in the cache.
/// </summary>
internal static unsafe class DotBlock<V> where V : struct, IVec<V>
{
    // Eight rows of so many bytes and the eight that are fetched meanwhile fit into a first-level cache.
    private const long ShortTile = 16 << 10;

    /// <summary>y[r, n] = x[rows[r]] · W[n] for r = 0 … count − 1, n = 0 … columns − 1.</summary>
    /// <param name="bf16">Whether W is bf16, else f32.</param>
    /// <param name="x">Base of x.</param>
    /// <param name="xStride">Floats from one row of x to the next.</param>
    /// <param name="rows">Which rows of x, or null for 0 … count − 1.</param>
    /// <param name="count">How many rows.</param>
    /// <param name="w">The block's first row of W.</param>
    /// <param name="columns">Rows of W in the block.</param>
    /// <param name="k">Length of the dot products.</param>
    /// <param name="y">Where y[0, 0] goes.</param>
    /// <param name="yStride">Floats from one row of y to the next.</param>
    /// <param name="next">Rows of W that are read after the block's, to be fetched meanwhile; null where they lie behind it.</param>
    public static void Multiply(
        bool bf16, float* x, long xStride, int* rows, int count, byte* w, int columns, long k, float* y, long yStride, byte* next = null)
    {
        next = next == null ? w + (columns * k * (bf16 ? 2 : 4)) : next;
        if (k <= ShortDots.MaxTerms)
        {
            ShortDots.Multiply(bf16, x, xStride, rows, count, w, columns, (int)k, y, yStride, next);
        }
        else if (bf16)
        {
            Multiply<BF16Format<V>>(x, xStride, rows, count, w, columns, k, y, yStride, next);
        }
        else
        {
            Multiply<F32Format<V>>(x, xStride, rows, count, w, columns, k, y, yStride, next);
        }
    }

    [SkipLocalsInit]
    private static void Multiply<W>(
        float* x, long xStride, int* rows, int count, byte* w, int columns, long k, float* y, long yStride, byte* next)
        where W : struct, IWeightFormat<V>
    {
        long pitch = k * W.Size;
        float** tile = stackalloc float*[6];
        float* sums = stackalloc float[24 + (10 * IVec<V>.Lanes)];
        int tileRows = V.Registers >= 32 ? 6 : 3;
        int r = 0;
        while (r < count)
        {
            int left = count - r, taken = left >= tileRows ? tileRows : V.Registers < 32 ? 1 : left >= 4 ? 4 : left;
            for (int i = 0; i < taken; i++)
            {
                tile[i] = x + ((rows == null ? r + i : rows[r + i]) * xStride);
            }

            float* target = y + (r * yStride);
            int n = taken switch
            {
                6 => Six<W>(tile, w, pitch, columns, k, target, yStride, sums),
                4 => Few<W, FourRows>(tile, w, next, pitch, columns, k, target, yStride, sums),
                3 when V.Registers >= 32 => Few<W, ThreeRows>(tile, w, next, pitch, columns, k, target, yStride, sums),
                3 => ThreeByTwo<W>(tile, w, pitch, columns, k, target, yStride, sums),
                2 => Few<W, TwoRows>(tile, w, next, pitch, columns, k, target, yStride, sums),
                _ => Single<W>(tile, w, next, pitch, columns, k, target, sums),
            };
            for (; n < columns; n++)
            {
                for (int i = 0; i < taken; i++)
                {
                    target[(i * yStride) + n] = DotTiles<V, W>.One(tile[i], w + (n * pitch), k);
                }
            }

            r += taken;
        }
    }

    // The row of W that is so many behind row n of the block.
    private static byte* Ahead(int n, int rows, int columns, byte* w, byte* next, long pitch) =>
        n + rows < columns ? w + ((n + rows) * pitch) : next + ((n + rows - columns) * pitch);

    private static int Six<W>(float** x, byte* w, long pitch, int columns, long k, float* y, long yStride, float* sums)
        where W : struct, IWeightFormat<V>
    {
        int n = 0;
        for (; n + 4 <= columns; n += 4)
        {
            PromptTiles<V, W>.SixByFour(x, w + (n * pitch), pitch, k, sums + 24, sums);
            for (int i = 0; i < 6; i++)
            {
                Vector128.Load(sums + (4 * i)).Store(y + (i * yStride) + n);
            }
        }

        return n;
    }

    private static int Few<W, R>(float** x, byte* w, byte* next, long pitch, int columns, long k, float* y, long yStride, float* sums)
        where W : struct, IWeightFormat<V>
        where R : struct, IRowCount
    {
        int n = typeof(V) == typeof(Vec512) && W.Size == sizeof(ushort) && k % IVec<V>.Lanes == 0 ? FewWide<R>(x, w, next, pitch, columns, k, y, yStride) : 0;
        for (; n + 4 <= columns; n += 4)
        {
            DotTiles<V, W>.FewByFour<R>(x, w + (n * pitch), Ahead(n, 4, columns, w, next, pitch), pitch, k, sums);
            for (int i = 0; i < R.Count; i++)
            {
                Vector128.Load(sums + (4 * i)).Store(y + (i * yStride) + n);
            }
        }

        return n;
    }

    private static int FewWide<R>(float** x, byte* w, byte* next, long pitch, int columns, long k, float* y, long yStride) where R : struct, IRowCount
    {
        int n = 0;
        if (R.Count == 2)
        {
            for (; 8 * pitch <= ShortTile && n + 8 <= columns; n += 8)
            {
                WideTiles.TwoByEight(x[0], x[1], (ushort*)(w + (n * pitch)), Ahead(n, 8, columns, w, next, pitch), k, y + n, yStride);
            }

            return n;
        }

        for (; n + 4 <= columns; n += 4)
        {
            WideTiles.FewByFour<R>(x, (ushort*)(w + (n * pitch)), Ahead(n, 4, columns, w, next, pitch), k, y + n, yStride);
        }

        return n;
    }

    private static int ThreeByTwo<W>(float** x, byte* w, long pitch, int columns, long k, float* y, long yStride, float* sums)
        where W : struct, IWeightFormat<V>
    {
        int n = 0;
        for (; n + 2 <= columns; n += 2)
        {
            PromptTiles<V, W>.ThreeByTwo(x, w + (n * pitch), pitch, k, sums);
            for (int i = 0; i < 3; i++)
            {
                y[(i * yStride) + n] = sums[2 * i];
                y[(i * yStride) + n + 1] = sums[(2 * i) + 1];
            }
        }

        return n;
    }

    private static int Single<W>(float** x, byte* w, byte* next, long pitch, int columns, long k, float* y, float* sums)
        where W : struct, IWeightFormat<V>
    {
        int n = 0;
        if (V.Registers >= 32 && 8 * pitch <= ShortTile)
        {
            for (; n + 8 <= columns; n += 8)
            {
                DotTiles<V, W>.OneByEight(x[0], w + (n * pitch), Ahead(n, 8, columns, w, next, pitch), pitch, k, y + n);
            }
        }

        for (; n + 4 <= columns; n += 4)
        {
            DotTiles<V, W>.FewByFour<OneRow>(x, w + (n * pitch), Ahead(n, 4, columns, w, next, pitch), pitch, k, sums);
            Vector128.Load(sums).Store(y + n);
        }

        return n;
    }
}
