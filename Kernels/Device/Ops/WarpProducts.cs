using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Products of prompt rows with mma.sync, for cards since Ampere. Each of a group's eight warps has 64 rows × 32 outputs;
/// blocks of 32 along k of the rows' terms and of the weights are copied three ahead, 384 lines of 64 bytes at most. Each output
/// is one chain of products in ascending k, for each 16 of k the first term's before the second's, whatever rows are beside it.
/// </summary>
public static class WarpProducts
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 256;

    /// <summary>Four blocks.</summary>
    public const int SharedBytes = Stages * StageBytes;

    /// <summary>Lines that the threads copy at a time, four of them a line.</summary>
    public const int Lines = 64;

    /// <summary>Sums of a thread.</summary>
    public const int Sums = 64;

    /// <summary>Stands for where a row begins that does not exist; it counts as zeros.</summary>
    public const long Missing = -1;

    private const int Depth = 32;
    private const int Stages = 4;
    private const int LineBytes = Depth * 2;
    private const int TileBytes = Lines * LineBytes;
    private const int StageBytes = 6 * TileBytes;

    /// <summary>Which line of each 64 this thread copies.</summary>
    public static int Line() => Group.IdxX >> 2;

    /// <summary>The row of its warp's 64 that a sum of this thread belongs to.</summary>
    public static int SumRow(int sum) => ((sum >> 4) * 16) + (((sum >> 1) & 1) * 8) + ((Group.IdxX & 31) >> 2);

    /// <summary>The output of its warp's 32 that a sum of this thread belongs to: sums 2·i and the next are neighbours.</summary>
    public static int SumOutput(int sum) => (((sum >> 2) & 3) * 8) + ((Group.IdxX & 3) * 2) + (sum & 1);

    /// <summary>Adds up this warp's products; every thread of the group calls it.</summary>
    /// <param name="x">What <see cref="ActivationTerms"/> made.</param>
    /// <param name="xRows">Where row <see cref="Line"/> of each 64 begins.</param>
    /// <param name="packed">Elements of a row of <paramref name="x"/>: for each term K rounded up to 64.</param>
    /// <param name="low">Weights of the lower half of the lines, bf16; rows begin at multiples of 8.</param>
    /// <param name="high">Weights of the upper half.</param>
    /// <param name="weightRows">Where the weights of output <see cref="Line"/> of each 64 begin.</param>
    /// <param name="inputs">K, a multiple of 8; 0 adds nothing up.</param>
    /// <param name="ownRow">The first of this warp's rows.</param>
    /// <param name="ownRows">How many of its 64 rows exist: sixteens without rows are not multiplied.</param>
    /// <param name="ownLow">The line of the weights of this warp's first 16 outputs.</param>
    /// <param name="ownHigh">The line of those of the other 16.</param>
    public static void Multiply<TTile, TTerms>(
        ArrayView<ushort> x,
        long[] xRows,
        int packed,
        ArrayView<ushort> low,
        ArrayView<ushort> high,
        long[] weightRows,
        int inputs,
        int ownRow,
        int ownRows,
        int ownLow,
        int ownHigh)
        where TTile : struct, IWarpTile
        where TTerms : struct, IActivationTerms
    {
        uint memory = CudaShared.Base();
        for (int i = 0; i < Sums / 4; i++)
        {
            Accumulators.Clear4(i * 4);
        }

        int blocks = (inputs + Depth - 1) / Depth;
        for (int i = 0; i < Stages - 1; i++)
        {
            Bring<TTile, TTerms>(memory + (uint)(i * StageBytes), x, xRows, packed, low, high, weightRows, inputs, i, blocks);
        }

        int filled = Stages - 1, used = 0;
        for (int block = 0; block < blocks; block++)
        {
            // This block has come, and every warp is done with the one whose place is filled next.
            CopyAsync.Wait(Stages - 2);
            Group.Barrier();
            Bring<TTile, TTerms>(memory + (uint)(filled * StageBytes), x, xRows, packed, low, high, weightRows, inputs, block + Stages - 1, blocks);
            uint stage = memory + (uint)(used * StageBytes);
            if (ownRows > 32)
            {
                Add<TTile, TTerms>(stage, ownRow, ownLow, ownHigh, 4);
            }
            else if (ownRows > 16)
            {
                Add<TTile, TTerms>(stage, ownRow, ownLow, ownHigh, 2);
            }
            else if (ownRows > 0)
            {
                Add<TTile, TTerms>(stage, ownRow, ownLow, ownHigh, 1);
            }

            filled = filled == Stages - 1 ? 0 : filled + 1;
            used = used == Stages - 1 ? 0 : used + 1;
        }
    }

    // For what is missing and past the end of K zeros come, from an address that exists.
    private static void Bring<TTile, TTerms>(
        uint stage, ArrayView<ushort> x, long[] xRows, int packed, ArrayView<ushort> low, ArrayView<ushort> high, long[] weightRows, int inputs, int block, int blocks)
        where TTile : struct, IWarpTile
        where TTerms : struct, IActivationTerms
    {
        int chunk = Group.IdxX & 3, k = (block * Depth) + (chunk * 8);
        if (block < blocks)
        {
            uint at = stage + TileLayout.Narrow(Line(), chunk), weights = at + (uint)(TTerms.Count * TTile.Rows * TileBytes);
            for (int i = 0; i < TTile.Rows; i++)
            {
                bool exists = xRows[i] > Missing;
                long from = exists ? xRows[i] + k : k;
                for (int term = 0; term < TTerms.Count; term++)
                {
                    CopyAsync.Sixteen(
                        at + (uint)(((term * TTile.Rows) + i) * TileBytes), ref x[from + (term * (packed / TTerms.Count))], exists ? 16 : 0);
                }
            }

            for (int i = 0; i < TTile.Outputs; i++)
            {
                bool exists = weightRows[i] > Missing && k < inputs;
                long from = exists ? weightRows[i] + k : 0;
                if (i < TTile.Outputs / 2)
                {
                    CopyAsync.Sixteen(weights + (uint)(i * TileBytes), ref low[from], exists ? 16 : 0);
                }
                else
                {
                    CopyAsync.Sixteen(weights + (uint)(i * TileBytes), ref high[from], exists ? 16 : 0);
                }
            }
        }

        CopyAsync.Commit();
    }

    private static void Add<TTile, TTerms>(uint stage, int ownRow, int ownLow, int ownHigh, int sixteens)
        where TTile : struct, IWarpTile
        where TTerms : struct, IActivationTerms
    {
        int lane = Group.IdxX & 31;
        uint weights = stage + (uint)(TTerms.Count * TTile.Rows * TileBytes);
        for (int step = 0; step < Depth / 16; step++)
        {
            U4 low = WarpMatrix.Load(weights + TileLayout.RightPlace(ownLow, lane, step));
            U4 high = WarpMatrix.Load(weights + TileLayout.RightPlace(ownHigh, lane, step));
            for (int term = 0; term < TTerms.Count; term++)
            {
                for (int m = 0; m < sixteens; m++)
                {
                    U4 left = WarpMatrix.Load(stage + (uint)(term * TTile.Rows * TileBytes) + TileLayout.LeftPlace(ownRow + (m * 16), lane, step));
                    WarpMatrix.Multiply(m * 16, left, low.X, low.Y);
                    WarpMatrix.Multiply((m * 16) + 4, left, low.Z, low.W);
                    WarpMatrix.Multiply((m * 16) + 8, left, high.X, high.Y);
                    WarpMatrix.Multiply((m * 16) + 12, left, high.Z, high.W);
                }
            }
        }
    }
}
