using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// What leaves a warp group of <see cref="ExpertsWarpGroup"/>, by boxes in shared memory: whole ones by the copy engine, those of
/// fewer than 64 rows by threads, since behind them lie other experts' rows. The tensor is the kernel's third parameter.
/// </summary>
internal static class ExpertsOutput
{
    /// <summary>Outputs of a tile of gates and as many ups, and of a tile of downs.</summary>
    public const int Inners = 128, Outputs = 256;

    // A thread's sums of gates; as many of ups follow.
    private const int GateSums = Inners / 2;

    /// <summary>silu(gate) · up of a tile, as terms.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="inner">Terms by place.</param>
    /// <param name="firstPlace">Of the warp group's rows.</param>
    /// <param name="rows">How many of its 64 lines are rows of the tile, at least 1.</param>
    /// <param name="first">The tile's first output.</param>
    /// <param name="group">1 or 2.</param>
    /// <param name="packed">Elements of a row of <paramref name="inner"/>.</param>
    /// <param name="width">Outputs that exist.</param>
    public static void Terms<TTerms>(uint memory, ArrayView<ushort> inner, int firstPlace, int rows, int first, int group, int packed, int width)
        where TTerms : struct, IActivationTerms
    {
        int turn = 0, half = packed / TTerms.Count;
        for (int i = 0; i < GateSums; i++)
        {
            // Up to a multiple of 64 follow the zeros that down needs.
            int column = first + ((i >> 2) * 8) + ((Group.IdxX & 3) * 2) + (i & 1);
            float value = GateMath.Silu(Accumulators.Get(i)) * Accumulators.Get(GateSums + i);
            Accumulators.Set(i, column < width ? value : 0f);
        }

        for (int term = 0; term < TTerms.Count; term++)
        {
            for (int box = 0; box < Inners / 64; box++)
            {
                if (first + (box * 64) < half)
                {
                    int column = (term * half) + first + (box * 64);
                    uint filled = WarpGroupTiles.Fill<BF16Output>(memory, turn, box, group);
                    turn++;
                    if (rows >= WarpGroupTiles.OwnRows)
                    {
                        Send(filled, column, firstPlace);
                    }
                    else
                    {
                        LeaveRows(filled, inner, firstPlace, rows, column, packed);
                    }
                }
            }

            if (term + 1 < TTerms.Count)
            {
                for (int i = 0; i < GateSums; i += 2)
                {
                    // What the first term leaves out is exact in f32.
                    float a = Accumulators.Get(i), b = Accumulators.Get(i + 1);
                    uint pair = BF16.Pack(a, b);
                    Accumulators.Set(i, a - BF16.Low(pair));
                    Accumulators.Set(i + 1, b - BF16.High(pair));
                }
            }
        }
    }

    /// <summary>Sums of a tile.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="parts">Sums by place.</param>
    /// <param name="firstPlace">Of the warp group's rows.</param>
    /// <param name="rows">How many of its 64 lines are rows of the tile, at least 1.</param>
    /// <param name="first">The tile's first output.</param>
    /// <param name="group">1 or 2.</param>
    /// <param name="outputs">Elements of a row of <paramref name="parts"/>.</param>
    public static void Parts(uint memory, ArrayView<float> parts, int firstPlace, int rows, int first, int group, int outputs)
    {
        for (int box = 0; box < Outputs / 32; box++)
        {
            int column = first + (box * 32);
            uint filled = WarpGroupTiles.Fill<F32Output>(memory, box, box, group);
            if (rows >= WarpGroupTiles.OwnRows)
            {
                Send(filled, column, firstPlace);
            }
            else
            {
                LeaveParts(filled, parts, firstPlace, rows, column, outputs);
            }
        }
    }

    private static void Send(uint box, int column, int row)
    {
        if ((Group.IdxX & 127) == 0)
        {
            TensorCopy.Store(box, TensorCopy.Map(2), column, row);
        }
    }

    // Rows of a box that belong to the tile, by threads: the copy engine would write the rows behind them too.
    private static void LeaveRows(uint box, ArrayView<ushort> inner, int place, int rows, int column, int packed)
    {
        for (int i = 0; i < 4; i++)
        {
            int own = (Group.IdxX & 127) + (i * 128), row = own >> 3, chunk = own & 7;
            if (row < rows)
            {
                WideAccess.Store(ref inner[((long)(place + row) * packed) + column + (chunk * 8)], CudaShared.Load4(box + TileLayout.Wide(row, chunk)));
            }
        }
    }

    private static void LeaveParts(uint box, ArrayView<float> parts, int place, int rows, int column, int outputs)
    {
        for (int i = 0; i < 4; i++)
        {
            int own = (Group.IdxX & 127) + (i * 128), row = own >> 3, from = column + ((own & 7) * 4);
            if (row < rows && from < outputs)
            {
                WideAccess.Store(ref parts[((long)(place + row) * outputs) + from], CudaShared.Load4(box + TileLayout.Wide(row, own & 7)));
            }
        }
    }
}
