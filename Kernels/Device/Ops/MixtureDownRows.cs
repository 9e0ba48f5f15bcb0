using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// The second half of expert_mixture and grouped_experts for few generated rows, on cards since Ampere: what
/// <see cref="MixtureRows"/> left, times down, added up. Sums have the orders of the kernels for more rows
/// (<see cref="ExpertRows"/>, <see cref="ExpertsCombine"/>, <see cref="LinearRows"/>), so the bits do too.
/// </summary>
public static class MixtureDownRows
{
    /// <summary>The most slices of all experts that a row has.</summary>
    public const int MostItems = 128;

    private const int Side = 16;
    private const int Eight = 8;
    private const int ChunkBytes = RowStream.Depth * OneRow.BlockBytes;
    private const int WeightBytes = RowProducts.Warps * RowStream.WarpBytes;

    /// <summary>
    /// output[t, h] = Σ_r mix[t, r] · (inner_r·down_h) + sigmoid(gateLogit[t]) · (inner_shared·sharedDown_h), the latter where
    /// there is a logit. A tile is 16 outputs of a row; a warp has slices of its experts' shares, one after the other.
    /// </summary>
    [Kernel("mixture_down_rows", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(TwoSlices))]
    [Instance("slices4x", typeof(FourSlices))]
    [Instance("slices8x", typeof(EightSlices))]
    [Cuda("sm_80", SharedBytes = WeightBytes + (RowProducts.Warps * ChunkBytes), GroupsTogether = 2)]
    public static void Run<TSlices>(
        [Shape("T", "W")] ArrayView<float> inner,
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("T", "1", Optional = true)] ArrayView<float> gateLogit,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("E", "HI")] ArrayView<ushort> down,
        [Shape("H", "J")] ArrayView<ushort> sharedDown,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int outputs,
        [Extent("W")] int innerWidth,
        [Extent("J")] int sharedWidth,
        [RowStride("gateLogit")] int gateStride,
        [RowStride("down")] int downStride,
        int width)
        where TSlices : struct, ISlices
    {
        DependentLaunch.Allow();
        ArrayView<float> sums = SharedMemory.Allocate<float>(MostItems * Side);
        ArrayView<int> choice = SharedMemory.Allocate<int>(MixtureRows.MostPairs);
        uint memory = CudaShared.Base(), write = RowStream.Write(memory), read = RowStream.Read(memory);
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, lines = (outputs + Side - 1) / Side;
        int tile = RowStream.Begin(rows * lines, Grid.IdxX), lastTile = RowStream.Begin(rows * lines, Grid.IdxX + 1);
        int items = (gateLogit.Length > 0 ? topK + 1 : topK) * TSlices.Count;
        int begin = RowProducts.Begin<TSlices>(width), chunks = (RowProducts.End<TSlices>(width) - begin) / RowStream.Depth;

        // This warp's terms of a chunk: a lane makes those of eight along k, and all read those of every block.
        uint terms = memory + (uint)(WeightBytes + (warp * ChunkBytes)), store = terms + (uint)((lane / 4 * OneRow.BlockBytes) + (lane % 4 * 16)), word = terms + (uint)(lane % 4 * 16);
        if (Group.IdxX < rows * topK)
        {
            choice[Group.IdxX] = WideAccess.Fresh(ref experts[Group.IdxX]);
        }

        Group.Barrier();

        // The first item's weights: they may come while the first half still runs.
        int row = tile / lines, rank = Math.Min(warp, items - 1) / TSlices.Count, inputs = rank == topK ? sharedWidth : width;
        int count = warp < items ? outputs - (tile % lines * Side) : 0;
        long start = (long)(tile % lines * Side) * inputs, xStart = ((long)row * innerWidth) + (rank * width);
        if (rank < topK)
        {
            start += (long)choice[(row * topK) + rank] * downStride;
        }

        ArrayView<ushort> firstWeight = rank == topK ? sharedDown : down;
        for (int part = 0; part < RowStream.Parts; part++)
        {
            RowStream.Bring(write, part, 0, Side, firstWeight, start, count, begin + (part * RowStream.PartBlocks), inputs);
            CopyAsync.Commit();
        }

        DependentLaunch.Wait();
        int k = (begin * 32) + (lane * Eight);
        bool inside = k < inputs;
        U4 x0 = WideAccess.Load(ref inner[xStart + (inside ? k : 0)]), x1 = WideAccess.Load(ref inner[xStart + (inside ? k : 0) + 4]);
        var words = new uint[Eight];
        for (; tile < lastTile; tile++)
        {
            for (int item = warp; item < items; item += RowProducts.Warps)
            {
                // What comes next: another item of the tile, or the first of the next tile.
                bool isMore = item + RowProducts.Warps < items;
                int nextTile = isMore || tile + 1 == lastTile ? tile : tile + 1, nextRow = nextTile / lines, nextRank = (isMore ? item + RowProducts.Warps : warp) / TSlices.Count;
                int nextInputs = nextRank == topK ? sharedWidth : width, nextCount = isMore || tile + 1 < lastTile ? outputs - (nextTile % lines * Side) : 0;
                long nextStart = (long)(nextTile % lines * Side) * nextInputs, nextX = ((long)nextRow * innerWidth) + (nextRank * width);
                if (nextRank < topK)
                {
                    nextStart += (long)choice[(nextRow * topK) + nextRank] * downStride;
                }

                Accumulators.Clear4(0);
                Accumulators.Clear4(4);
                for (int chunk = 0; chunk < chunks; chunk++)
                {
                    RowProducts.Split(words, 0, x0, x1, inside);
                    CudaShared.Store4(store, RowStream.Words(words, 0));
                    CudaShared.Store4(store + (OneRow.BlockBytes / 2), RowStream.Words(words, 4));
                    bool isLast = chunk + 1 == chunks, fromShared = (isLast ? nextRank : rank) == topK;
                    int block = isLast ? begin : begin + ((chunk + 1) * RowStream.Depth);
                    start = isLast ? nextStart : start;
                    xStart = isLast ? nextX : xStart;
                    count = isLast ? nextCount : count;
                    inputs = isLast ? nextInputs : inputs;
                    k = (block * 32) + (lane * Eight);
                    inside = k < inputs;
                    x0 = WideAccess.Load(ref inner[xStart + (inside ? k : 0)]);
                    x1 = WideAccess.Load(ref inner[xStart + (inside ? k : 0) + 4]);
                    ArrayView<ushort> weight = fromShared ? sharedDown : down;
                    for (int part = 0; part < RowStream.Parts; part++)
                    {
                        OneRow.Multiply(read, part, word);
                        RowStream.Bring(write, part, 0, Side, weight, start, count, block + (part * RowStream.PartBlocks), inputs);
                        CopyAsync.Commit();
                    }
                }

                rank = nextRank;
                OneRow.Leave(sums, item);
            }

            Group.Barrier();
            int h = (tile % lines * Side) + Group.IdxX;
            if (Group.IdxX < Side && h < outputs)
            {
                row = tile / lines;
                float sum = 0;
                for (int r = 0; r < topK; r++)
                {
                    sum = Scalar.Fma(mix[((long)row * topK) + r], OneRow.Sum<TSlices>(sums, r * TSlices.Count, Group.IdxX), sum);
                }

                if (gateLogit.Length > 0)
                {
                    sum = Scalar.Fma(GateMath.Sigmoid(gateLogit[(long)row * gateStride]), OneRow.Sum<TSlices>(sums, topK * TSlices.Count, Group.IdxX), sum);
                }

                output[((long)row * outputs) + h] = sum;
            }

            Group.Barrier();
        }

        CopyAsync.Wait(0);
    }
}
