using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear for more than eight generated rows and many outputs, on cards since Ampere. The activations' terms are made before
/// (<see cref="RowTerms"/>) and shared by a group's four warps of 16 outputs each; terms and weights are copied to shared
/// memory some blocks ahead. A warp walks all slices of k one after the other and adds them up in their order: the order of
/// <see cref="RowProducts"/>, whose kernels give a slice to a warp instead, so the bits are the same.
/// </summary>
public static class LinearRowsMany
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = Warps * 32;

    /// <summary>Outputs of a group.</summary>
    public const int Outputs = Warps * Side;

    /// <summary>Shared memory of a group.</summary>
    public const int SharedBytes = Stages * StageBytes;

    private const int Warps = 4;
    private const int Side = 16;
    private const int Block = 32;

    // Blocks of 32 along k that are copied at a time: a lane's 16 bytes of terms and weights lie where its warp reads them at once.
    private const int Depth = 2;
    private const int Stages = 4;
    private const int LineBytes = 512;
    private const int MostEights = 8;
    private const int WeightBytes = Warps * Depth * 2 * LineBytes;
    private const int StageBytes = WeightBytes + (MostEights * Depth * 2 * LineBytes);

    /// <summary>As <see cref="LinearRows"/>.</summary>
    /// <param name="terms">What <see cref="RowTerms"/> made of whole tiles of rows, as pairs of bf16.</param>
    /// <param name="weight">bf16; K is a multiple of 8, and its address of 16.</param>
    /// <param name="output">f32.</param>
    /// <param name="gate">f32, or empty.</param>
    /// <param name="add">f32, or empty.</param>
    /// <param name="inputs">K.</param>
    /// <param name="rows">T.</param>
    /// <param name="outputs">N.</param>
    /// <param name="gateStride">Elements from a row to the next.</param>
    /// <param name="addStride">Likewise.</param>
    /// <param name="outputStride">Likewise.</param>
    /// <param name="rowTiles">Groups that share a range of outputs, each for its rows.</param>
    /// <param name="blocks">Blocks of 32 along k, a multiple of 8.</param>
    /// <param name="slices">Slices of k.</param>
    [Kernel("linear_rows_many", Threads, groups: "*", Unroll = true)]
    [Instance("sixteen", typeof(SixteenRows), typeof(SplitTerms))]
    [Instance("thirtytwo", typeof(ThirtyTwoRows), typeof(SplitTerms))]
    [Instance("sixtyfour", typeof(SixtyFourRows), typeof(SplitTerms))]
    [Instance("sixteen_rounded", typeof(SixteenRows), typeof(SingleTerm))]
    [Instance("thirtytwo_rounded", typeof(ThirtyTwoRows), typeof(SingleTerm))]
    [Instance("sixtyfour_rounded", typeof(SixtyFourRows), typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = SharedBytes, GroupsTogether = 2)]
    public static void Run<TTile, TTerms>(
        [Shape("B", "W")] ArrayView<ushort> terms,
        [Shape("N", "K")] ArrayView<ushort> weight,
        [Shape("T", "N")] ArrayView<float> output,
        [Shape("T", "1", Optional = true)] ArrayView<float> gate,
        [Shape("T", "N", Optional = true)] ArrayView<float> add,
        [Extent("K")] int inputs,
        [Extent("T")] int rows,
        [Extent("N")] int outputs,
        [RowStride("gate")] int gateStride,
        [RowStride("add")] int addStride,
        [RowStride("output")] int outputStride,
        int rowTiles,
        int blocks,
        int slices)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        uint memory = CudaShared.Base();
        DependentLaunch.Allow();
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5;
        int firstOutput = (Grid.IdxX / rowTiles * Outputs) + (warp * Side), firstRow = Grid.IdxX % rowTiles * TTile.Rows * 8;
        long upper = (long)Math.Min(firstOutput + (lane >> 2), outputs - 1) * inputs, lower = (long)Math.Min(firstOutput + 8 + (lane >> 2), outputs - 1) * inputs;
        long tile = (long)(firstRow / 8) * blocks * (RowTerms.Words * TTerms.Count);
        for (int i = 0; i < TTile.Rows * 2; i++)
        {
            Accumulators.Clear4(i * 4);
        }

        // Weights are nobody's output: they may come while the kernel before this one still runs.
        for (int i = 0; i < Stages - 1; i++)
        {
            BringWeights(memory + (uint)(i * StageBytes), weight, upper, lower, inputs, i * Depth, blocks);
        }

        DependentLaunch.Wait();
        for (int i = 0; i < Stages - 1; i++)
        {
            BringTerms<TTile, TTerms>(memory + (uint)(i * StageBytes), terms, tile, i * Depth, blocks);
            CopyAsync.Commit();
        }

        var total = new float[TTile.Rows * 4];
        for (int i = 0; i < TTile.Rows * 4; i++)
        {
            total[i] = 0;
        }

        int share = (blocks + (slices * RowProducts.Rounded) - 1) / (slices * RowProducts.Rounded) * RowProducts.Rounded;
        int block = 0, filled = Stages - 1, used = 0;
        for (int slice = 0; slice < slices; slice++)
        {
            int end = Math.Min((slice + 1) * share, blocks);
            for (; block < end; block += Depth)
            {
                // These blocks have come, and every warp is done with those whose place is filled next.
                CopyAsync.Wait(Stages - 2);
                Group.Barrier();
                uint next = memory + (uint)(filled * StageBytes), stage = memory + (uint)(used * StageBytes);
                BringWeights(next, weight, upper, lower, inputs, block + ((Stages - 1) * Depth), blocks);
                BringTerms<TTile, TTerms>(next, terms, tile, block + ((Stages - 1) * Depth), blocks);
                CopyAsync.Commit();
                Add<TTile, TTerms>(stage);
                filled = filled == Stages - 1 ? 0 : filled + 1;
                used = used == Stages - 1 ? 0 : used + 1;
            }

            for (int i = 0; i < TTile.Rows * 4; i++)
            {
                int sum = (i / 4 * 8) + (i % 4);
                float part = Accumulators.Get(sum) + Accumulators.Get(sum + 4);
                total[i] = slice == 0 ? part : total[i] + part;
            }

            for (int i = 0; i < TTile.Rows * 2; i++)
            {
                Accumulators.Clear4(i * 4);
            }
        }

        for (int i = 0; i < TTile.Rows * 4; i++)
        {
            int n = firstOutput + (lane >> 2) + (i % 4 / 2 * 8), t = firstRow + (i / 4 * 8) + ((lane & 3) * 2) + (i % 2);
            if (t < rows && n < outputs)
            {
                float scale = gate.Length > 0 ? GateMath.Sigmoid(gate[(long)t * gateStride]) : 1, sum = add.Length > 0 ? add[((long)t * addStride) + n] : 0;
                output[((long)t * outputStride) + n] = gate.Length > 0 || add.Length > 0 ? Scalar.Fma(scale, total[i], sum) : total[i];
            }
        }
    }

    // A warp's own weights: rows l / 4, then rows l / 4 + 8, of each block. Beyond K a row's first weights, times zeros.
    private static void BringWeights(uint stage, ArrayView<ushort> weight, long upper, long lower, int inputs, int block, int blocks)
    {
        uint at = stage + (uint)(((Group.IdxX >> 5) * Depth * 2 * LineBytes) + ((Group.IdxX & 31) * 16));
        if (block < blocks)
        {
            for (int u = 0; u < Depth; u++)
            {
                int k = ((block + u) * Block) + ((Group.IdxX & 3) * 8);
                long from = k < inputs ? k : 0;
                CopyAsync.Sixteen(at + (uint)(u * 2 * LineBytes), ref weight[upper + from], 16);
                CopyAsync.Sixteen(at + (uint)(((u * 2) + 1) * LineBytes), ref weight[lower + from], 16);
            }
        }
    }

    // Eight rows' terms of all blocks lie together; the threads share the lines.
    private static void BringTerms<TTile, TTerms>(uint stage, ArrayView<ushort> terms, long tile, int block, int blocks)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        if (block < blocks)
        {
            // A line for each warp at a time: as many for eight rows' two terms as there are warps, or for sixteen rows' single ones.
            if (TTerms.Count == 2)
            {
                for (int t = 0; t < TTile.Rows; t++)
                {
                    long from = tile + ((((long)t * blocks) + block) * (RowTerms.Words * 2)) + (Group.IdxX * 8);
                    CopyAsync.Sixteen(stage + (uint)(WeightBytes + (t * Depth * 2 * LineBytes) + (Group.IdxX * 16)), ref terms[from], 16);
                }
            }
            else
            {
                for (int t = 0; t < TTile.Rows; t += 2)
                {
                    int own = t + (Group.IdxX >> 6), place = Group.IdxX & 63;
                    long from = tile + ((((long)own * blocks) + block) * RowTerms.Words) + (place * 8);
                    CopyAsync.Sixteen(stage + (uint)(WeightBytes + (own * Depth * LineBytes) + (place * 16)), ref terms[from], 16);
                }
            }
        }
    }

    private static void Add<TTile, TTerms>(uint stage)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        uint lane = (uint)((Group.IdxX & 31) * 16), weights = stage + (uint)((Group.IdxX >> 5) * Depth * 2 * LineBytes) + lane;
        for (int u = 0; u < Depth; u++)
        {
            U4 upper = WideAccess.LoadShared(weights + (uint)(u * 2 * LineBytes)), lower = WideAccess.LoadShared(weights + (uint)(((u * 2) + 1) * LineBytes));
            var left = new U4 { X = upper.X, Y = lower.X, Z = upper.Y, W = lower.Y };
            var right = new U4 { X = upper.Z, Y = lower.Z, Z = upper.W, W = lower.W };
            for (int t = 0; t < TTile.Rows; t++)
            {
                uint at = stage + (uint)(WeightBytes + (((t * Depth) + u) * TTerms.Count * LineBytes)) + lane;
                U4 high = WideAccess.LoadShared(at), low = TTerms.Count == 2 ? WideAccess.LoadShared(at + LineBytes) : high;
                WarpMatrix.Multiply(t * 8, left, high.X, high.Y);
                if (TTerms.Count == 2)
                {
                    WarpMatrix.Multiply((t * 8) + 4, left, low.X, low.Y);
                }

                WarpMatrix.Multiply(t * 8, right, high.Z, high.W);
                if (TTerms.Count == 2)
                {
                    WarpMatrix.Multiply((t * 8) + 4, right, low.Z, low.W);
                }
            }
        }
    }
}
