using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// A row of 2,048 and its norm, for kernels whose groups norm rows for themselves. A thread has four neighbours of each of two
/// or four parts of the row, as many as two or four threads of <see cref="AddRmsNormRow"/> have, and adds up each one's apart:
/// the bits are those.
/// </summary>
public static class RowNorm
{
    /// <summary>The row's width.</summary>
    public const int Width = 2048;

    /// <summary>Shared memory of a row: sums of squares of the norm's sixteen warps, and of the scaled values.</summary>
    public const int SumBytes = 2 * Warps * sizeof(float);

    private const int Four = 4;
    private const int Warps = 16;

    /// <summary>Loads a thread's numbers.</summary>
    /// <param name="to">Gets four of each part.</param>
    /// <param name="parts">2 or 4, a constant; the group has 512 / parts threads.</param>
    /// <param name="from">f32.</param>
    /// <param name="row">Where the row begins, a multiple of 4.</param>
    public static void Load(float[] to, int parts, ArrayView<float> from, long row)
    {
        for (int part = 0; part < parts; part++)
        {
            U4 four = WideAccess.Load(ref from[row + (part * (Width / parts)) + (Group.IdxX * Four)]);
            to[part * Four] = Interop.IntAsFloat(four.X);
            to[(part * Four) + 1] = Interop.IntAsFloat(four.Y);
            to[(part * Four) + 2] = Interop.IntAsFloat(four.Z);
            to[(part * Four) + 3] = Interop.IntAsFloat(four.W);
        }
    }

    /// <summary>Adds other numbers to them.</summary>
    public static void Add(float[] to, int parts, ArrayView<float> from, long row)
    {
        for (int part = 0; part < parts; part++)
        {
            U4 four = WideAccess.Load(ref from[row + (part * (Width / parts)) + (Group.IdxX * Four)]);
            to[part * Four] += Interop.IntAsFloat(four.X);
            to[(part * Four) + 1] += Interop.IntAsFloat(four.Y);
            to[(part * Four) + 2] += Interop.IntAsFloat(four.Z);
            to[(part * Four) + 3] += Interop.IntAsFloat(four.W);
        }
    }

    /// <summary>Writes them.</summary>
    public static void Store(ArrayView<float> to, long row, float[] x, int parts)
    {
        for (int part = 0; part < parts; part++)
        {
            WideAccess.Store(
                ref to[row + (part * (Width / parts)) + (Group.IdxX * Four)], x[part * Four], x[(part * Four) + 1], x[(part * Four) + 2], x[(part * Four) + 3]);
        }
    }

    /// <summary>Σ (x · factor)² over the row, for all threads.</summary>
    /// <param name="x">The thread's numbers.</param>
    /// <param name="parts">2 or 4, a constant.</param>
    /// <param name="shared">Half of <see cref="SumBytes"/>, at a multiple of 16, which nobody has read since the last barrier but one.</param>
    /// <param name="factor">1, or what keeps squares finite.</param>
    public static float Squares(float[] x, int parts, uint shared, float factor)
    {
        for (int part = 0; part < parts; part++)
        {
            float sum = 0;
            for (int i = 0; i < Four; i++)
            {
                sum = Scalar.Fma(x[(part * Four) + i] * factor, x[(part * Four) + i] * factor, sum);
            }

            sum = WarpSum(sum);
            if ((Group.IdxX & 31) == 0)
            {
                SharedWords.Store(shared + (uint)(((Group.IdxX >> 5) + (part * (Warps / parts))) * sizeof(float)), sum);
            }
        }

        Group.Barrier();
        float all = 0;
        for (int i = 0; i < Warps * sizeof(float); i += 16)
        {
            U4 four = SharedWords.Load4(shared + (uint)i);
            all = all + Interop.IntAsFloat(four.X) + Interop.IntAsFloat(four.Y) + Interop.IntAsFloat(four.Z) + Interop.IntAsFloat(four.W);
        }

        return all;
    }

    /// <summary>Leaves the numbers' terms, as <see cref="RowProducts.Split"/> makes them; a barrier must follow.</summary>
    /// <param name="terms">Where the row's begin, in blocks of <see cref="OneRow.BlockBytes"/>.</param>
    /// <param name="x">The thread's numbers.</param>
    /// <param name="parts">2 or 4, a constant.</param>
    public static void Split<TTerms>(uint terms, float[] x, int parts)
        where TTerms : struct, IActivationTerms
    {
        for (int part = 0; part < parts; part++)
        {
            int k = (part * (Width / parts)) + (Group.IdxX * Four), i = part * Four;
            uint h0 = BF16.Pack(x[i], x[i + 1]), h1 = BF16.Pack(x[i + 2], x[i + 3]);
            uint to = terms + (uint)((k / 32 * OneRow.BlockBytes) + (k % 32 * 2));
            CudaShared.Store2(to, h0, h1);
            if (TTerms.Count == 2)
            {
                CudaShared.Store2(
                    to + (OneRow.BlockBytes / 2), BF16.Pack(x[i] - BF16.Low(h0), x[i + 1] - BF16.High(h0)), BF16.Pack(x[i + 2] - BF16.Low(h1), x[i + 3] - BF16.High(h1)));
            }
        }
    }

    private static float WarpSum(float value)
    {
        value += Lanes.Xor(value, 16);
        value += Lanes.Xor(value, 8);
        value += Lanes.Xor(value, 4);
        value += Lanes.Xor(value, 2);
        return value + Lanes.Xor(value, 1);
    }
}
