using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The inverse of I + L for a strictly lower L of 64 × 64, in f32 in shared memory, by 128 threads: the diagonal blocks of 16
/// by forward substitution, a thread a column; then twice the block below two inverted ones, −T₂ L₂₁ T₁, of 16 and of 32.
/// </summary>
public static class UnitTriangle
{
    /// <summary>Bytes of the matrix and of the products in between.</summary>
    public const int Bytes = (Size + Half) * RowBytes;

    /// <summary>Bytes from a row to the next: rows begin at multiples of 16, four of them in different banks.</summary>
    public const int RowBytes = (Size + 4) * 4;

    private const int Size = DeltaRuleLayout.Cell;
    private const int Half = Size / 2;
    private const int Block = 16;
    private const int ProductsAt = Size * RowBytes;

    /// <summary>
    /// Replaces L, zero from the diagonal on, by the inverse of I + L. Begins after a barrier and ends with one; every thread of
    /// the group calls it, for the matrix of its 128.
    /// </summary>
    /// <param name="matrix">Where it begins.</param>
    /// <param name="thread">Which of the 128.</param>
    public static void Invert(uint matrix, int thread)
    {
        uint products = matrix + ProductsAt;
        if (thread < Size)
        {
            int column = thread % Block;
            uint first = matrix + (uint)(thread / Block * Block * (RowBytes + 4));
            var t = new float[Block];
            for (int i = 0; i < Block; i++)
            {
                t[i] = i == column ? 1f : 0f;
                for (int p = 0; p < Block; p++)
                {
                    if (p < i)
                    {
                        t[i] = Scalar.Fma(-SharedWords.Load(first + (uint)((i * RowBytes) + (p * 4))), t[p], t[i]);
                    }
                }
            }

            // A block's threads are in one warp, and nobody else reads the block.
            Lanes.Together();
            for (int i = 0; i < Block; i++)
            {
                SharedWords.Store(first + (uint)((i * RowBytes) + (column * 4)), t[i]);
            }
        }

        Group.Barrier();

        // Blocks (1, 0) and (3, 2).
        int row = thread % 64 / 4, four = thread % 4 * 16;
        uint upper = matrix + (uint)(thread / 64 * 2 * Block * (RowBytes + 4)), lower = upper + (Block * RowBytes) + (uint)(row * RowBytes);
        uint product = products + (uint)(thread / 64 * Block * RowBytes);
        SharedWords.Store4(product + (uint)((row * RowBytes) + four), Row(lower, upper + (uint)four, Block, 1f));
        Group.Barrier();
        SharedWords.Store4(lower + (uint)four, Row(lower + (Block * 4), product + (uint)four, Block, -1f));
        Group.Barrier();

        // The lower left quarter, two rows a thread.
        row = thread / 8;
        four = thread % 8 * 16;
        uint near = matrix + (uint)((Half + row) * RowBytes), far = near + (Block * RowBytes), to = products + (uint)((row * RowBytes) + four);
        U4 first0 = Row(near, matrix + (uint)four, Half, 1f), first1 = Row(far, matrix + (uint)four, Half, 1f);
        SharedWords.Store4(to, first0);
        SharedWords.Store4(to + (Block * RowBytes), first1);
        Group.Barrier();
        first0 = Row(near + (Half * 4), products + (uint)four, Half, -1f);
        first1 = Row(far + (Half * 4), products + (uint)four, Half, -1f);
        SharedWords.Store4(near + (uint)four, first0);
        SharedWords.Store4(far + (uint)four, first1);
        Group.Barrier();
    }

    // Four neighbouring sums: a row of the left by four columns of the right.
    private static U4 Row(uint left, uint right, int depth, float sign)
    {
        float x = 0, y = 0, z = 0, w = 0;
        for (int p = 0; p < depth; p += 4)
        {
            U4 l = SharedWords.Load4(left + (uint)(p * 4));
            for (int q = 0; q < 4; q++)
            {
                float factor = Interop.IntAsFloat(q == 0 ? l.X : q == 1 ? l.Y : q == 2 ? l.Z : l.W);
                U4 r = SharedWords.Load4(right + (uint)((p + q) * RowBytes));
                x = Scalar.Fma(factor, Interop.IntAsFloat(r.X), x);
                y = Scalar.Fma(factor, Interop.IntAsFloat(r.Y), y);
                z = Scalar.Fma(factor, Interop.IntAsFloat(r.Z), z);
                w = Scalar.Fma(factor, Interop.IntAsFloat(r.W), w);
            }
        }

        var sums = default(U4);
        sums.X = Interop.FloatAsInt(sign * x);
        sums.Y = Interop.FloatAsInt(sign * y);
        sums.Z = Interop.FloatAsInt(sign * z);
        sums.W = Interop.FloatAsInt(sign * w);
        return sums;
    }
}
