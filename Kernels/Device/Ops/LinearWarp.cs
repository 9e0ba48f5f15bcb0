using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear, prompt rows, on cards since Ampere: output[t, n] = Σ_k x[t, k] · weight[n, k] with mma.sync. A group has 128 × 128
/// outputs, each of its eight warps 64 × 32; blocks of 32 along k are copied three ahead. Each output is one chain of products
/// in ascending k, for each 16 of k the first term's before the second's, whatever rows are beside it.
/// </summary>
public static class LinearWarp
{
    /// <summary>Four blocks of two terms and the weights.</summary>
    public const int SharedBytes = Stages * StageBytes;

    private const int Threads = 256;
    private const int Side = 128;
    private const int Depth = 32;
    private const int Stages = 4;
    private const int Terms = 2;
    private const int TileBytes = Side * Depth * 2;
    private const int StageBytes = (Terms + 1) * TileBytes;

    /// <summary>Multiplies.</summary>
    /// <param name="x">What <see cref="ActivationTerms"/> made: P is twice K rounded up to 64.</param>
    /// <param name="weight">bf16; K is a multiple of 8, and its address of 16.</param>
    /// <param name="output">f32.</param>
    /// <param name="rows">T.</param>
    /// <param name="packed">P.</param>
    /// <param name="inputs">K.</param>
    /// <param name="outputs">N.</param>
    /// <param name="outputStride">Elements from a row of outputs to the next.</param>
    [Kernel("linear_warp", Threads, groups: "T/128", groupsY: "N/128", Unroll = true)]
    [Cuda("sm_80", SharedBytes = SharedBytes)]
    public static void Run(
        [Shape("T", "P")] ArrayView<ushort> x,
        [Shape("N", "K")] ArrayView<ushort> weight,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("P")] int packed,
        [Extent("K")] int inputs,
        [Extent("N")] int outputs,
        [RowStride("output")] int outputStride)
    {
        uint memory = CudaShared.Base();
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5;
        int firstRow = Grid.IdxX * Side, firstOutput = Grid.IdxY * Side, ownRow = (warp & 1) * 64, ownOutput = (warp >> 1) * 32;
        for (int i = 0; i < 16; i++)
        {
            Accumulators.Clear4(i * 4);
        }

        int blocks = (inputs + Depth - 1) / Depth;
        for (int i = 0; i < Stages - 1; i++)
        {
            Bring(memory + (uint)(i * StageBytes), x, weight, i, blocks, firstRow, firstOutput, rows, packed, inputs, outputs);
        }

        int filled = Stages - 1, used = 0;
        for (int block = 0; block < blocks; block++)
        {
            // This block has come, and every warp is done with the one whose place is filled next.
            CopyAsync.Wait(Stages - 2);
            Group.Barrier();
            Bring(
                memory + (uint)(filled * StageBytes), x, weight, block + Stages - 1, blocks, firstRow, firstOutput, rows, packed, inputs, outputs);
            Multiply(memory + (uint)(used * StageBytes), ownRow, ownOutput, lane);
            filled = filled == Stages - 1 ? 0 : filled + 1;
            used = used == Stages - 1 ? 0 : used + 1;
        }

        Store(output, firstRow + ownRow + (lane >> 2), firstOutput + ownOutput + ((lane & 3) * 2), rows, outputs, outputStride);
    }

    // A thread copies a chunk of two rows of each tile. Past the end of K, T and N zeros come, from addresses that exist.
    private static void Bring(
        uint stage, ArrayView<ushort> x, ArrayView<ushort> weight, int block, int blocks, int firstRow, int firstOutput, int rows, int packed, int inputs, int outputs)
    {
        int line = Group.IdxX >> 2, chunk = Group.IdxX & 3, k = (block * Depth) + (chunk * 8);
        if (block < blocks)
        {
            for (int i = 0; i < 2; i++)
            {
                int row = firstRow + line + (i * 64), n = firstOutput + line + (i * 64);
                uint at = stage + TileLayout.Narrow(line, chunk) + (uint)(i * (TileBytes / 2));
                for (int term = 0; term < Terms; term++)
                {
                    CopyAsync.Sixteen(
                        at + (uint)(term * TileBytes),
                        ref x[((long)Math.Min(row, rows - 1) * packed) + (term * (packed / Terms)) + k],
                        row < rows ? 16 : 0);
                }

                bool inside = n < outputs && k < inputs;
                CopyAsync.Sixteen(
                    at + (uint)(Terms * TileBytes),
                    ref weight[((long)Math.Min(n, outputs - 1) * inputs) + (k < inputs ? k : 0)],
                    inside ? 16 : 0);
            }
        }

        CopyAsync.Commit();
    }

    private static void Multiply(uint stage, int ownRow, int ownOutput, int lane)
    {
        uint weights = stage + (uint)(Terms * TileBytes);
        for (int step = 0; step < Depth / 16; step++)
        {
            U4 low = WarpMatrix.Load(weights + TileLayout.RightPlace(ownOutput, lane, step));
            U4 high = WarpMatrix.Load(weights + TileLayout.RightPlace(ownOutput + 16, lane, step));
            for (int term = 0; term < Terms; term++)
            {
                for (int m = 0; m < 4; m++)
                {
                    U4 left = WarpMatrix.Load(stage + (uint)(term * TileBytes) + TileLayout.LeftPlace(ownRow + (m * 16), lane, step));
                    WarpMatrix.Multiply(m * 16, left, low.X, low.Y);
                    WarpMatrix.Multiply((m * 16) + 4, left, low.Z, low.W);
                    WarpMatrix.Multiply((m * 16) + 8, left, high.X, high.Y);
                    WarpMatrix.Multiply((m * 16) + 12, left, high.Z, high.W);
                }
            }
        }
    }

    private static void Store(ArrayView<float> output, int row, int column, int rows, int outputs, int stride)
    {
        for (int i = 0; i < 64; i++)
        {
            // Sums of a thread: for each 16 rows and 8 columns two of a row, then two of the row eight below.
            int t = row + ((i >> 4) * 16) + (((i >> 1) & 1) * 8), n = column + (((i >> 2) & 3) * 8) + (i & 1);
            if (t < rows && n < outputs)
            {
                output[((long)t * stride) + n] = Accumulators.Get(i);
            }
        }
    }
}
