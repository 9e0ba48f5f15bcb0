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
    [Instance("slices2x", typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("slices4x", typeof(FourSlices), typeof(SplitTerms))]
    [Instance("slices8x", typeof(EightSlices), typeof(SplitTerms))]
    [Instance("slices2x_rounded", typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("slices4x_rounded", typeof(FourSlices), typeof(SingleTerm))]
    [Instance("slices8x_rounded", typeof(EightSlices), typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = WeightBytes + (RowProducts.Warps * ChunkBytes), GroupsTogether = 2)]
    public static void Run<TSlices, TTerms>(
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
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        ArrayView<float> sums = SharedMemory.Allocate<float>(MostItems * Side);
        ArrayView<int> choice = SharedMemory.Allocate<int>(MixtureRows.MostPairs);
        ArrayView<float> shares = SharedMemory.Allocate<float>(MixtureRows.MostPairs), opens = SharedMemory.Allocate<float>(MixtureRows.MostPairs);
        uint memory = CudaShared.Base(), write = RowStream.Write(memory), read = RowStream.Read(memory);
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, lines = (outputs + Side - 1) / Side;
        int tile = RowStream.Begin(rows * lines, Grid.IdxX), tiles = RowStream.Begin(rows * lines, Grid.IdxX + 1) - tile;
        int items = (gateLogit.Length > 0 ? topK + 1 : topK) * TSlices.Count;
        int begin = RowProducts.Begin<TSlices>(width), chunks = (RowProducts.End<TSlices>(width) - begin) / RowStream.Depth;

        // This warp's terms of a chunk: a lane makes those of eight along k, and all read those of every block.
        uint terms = memory + (uint)(WeightBytes + (warp * ChunkBytes)), store = terms + (uint)((lane / 4 * OneRow.BlockBytes) + (lane % 4 * 16)), word = terms + (uint)(lane % 4 * 16);
        if (Group.IdxX < rows * topK)
        {
            // Nothing but the first half's work is left to wait for when the sums are there.
            choice[Group.IdxX] = WideAccess.Fresh(ref experts[Group.IdxX]);
            shares[Group.IdxX] = WideAccess.Fresh(ref mix[Group.IdxX]);
        }

        if (Group.IdxX < rows && gateLogit.Length > 0)
        {
            opens[Group.IdxX] = GateMath.Sigmoid(WideAccess.Fresh(ref gateLogit[(long)Group.IdxX * gateStride]));
        }

        Group.Barrier();

        // A warp may have nothing: its slice may be empty, and there may be more warps than items.
        int row = tile / lines, line = tile - (row * lines);
        var place = new DownPlace { Tiles = chunks > 0 && warp < items ? tiles : 0, Row = row, Line = line, Item = warp };

        // The first weights: they may come while the first half still runs.
        int rank = place.Item / TSlices.Count, inputs = rank == topK ? sharedWidth : width;
        long start = Start(place, rank, inputs, topK, downStride, choice);
        ArrayView<ushort> firstWeight = place.Tiles > 0 && rank == topK ? sharedDown : down;
        for (int part = 0; part < RowStream.Parts; part++)
        {
            RowStream.Bring(
                write, part, 0, Side, firstWeight, start, place.Tiles > 0 ? outputs - (line * Side) : 0, begin + (part * RowStream.PartBlocks), inputs);
            CopyAsync.Commit();
        }

        DependentLaunch.Wait();
        int k = (begin * 32) + (lane * Eight);
        bool inside = place.Tiles > 0 && k < inputs;
        long at = inside ? ((long)row * innerWidth) + (rank * width) + k : 0;
        U4 x0 = WideAccess.Load(ref inner[at]), x1 = WideAccess.Load(ref inner[at + 4]);
        var words = new uint[Eight];
        for (; tiles > 0; tiles--)
        {
            for (int item = warp; item < items; item += RowProducts.Warps)
            {
                Accumulators.Clear4(0);
                Accumulators.Clear4(4);
                for (int chunk = 0; chunk < chunks; chunk++)
                {
                    RowProducts.Split<TTerms>(words, 0, x0, x1, inside);
                    CudaShared.Store4(store, RowStream.Words(words, 0));

                    // A single term is stored twice, which costs less than a branch.
                    CudaShared.Store4(store + (uint)((TTerms.Count - 1) * (OneRow.BlockBytes / 2)), RowStream.Words(words, (TTerms.Count - 1) * 4));

                    // What comes next.
                    place = DownPlace.After(place, chunks, items, lines);
                    rank = place.Item / TSlices.Count;
                    inputs = rank == topK ? sharedWidth : width;
                    int block = begin + (place.Chunk * RowStream.Depth);
                    k = (block * 32) + (lane * Eight);
                    inside = place.Tiles > 0 && k < inputs;
                    at = inside ? ((long)place.Row * innerWidth) + (rank * width) + k : 0;
                    x0 = WideAccess.Load(ref inner[at]);
                    x1 = WideAccess.Load(ref inner[at + 4]);
                    start = Start(place, rank, inputs, topK, downStride, choice);
                    ArrayView<ushort> weight = place.Tiles > 0 && rank == topK ? sharedDown : down;
                    for (int part = 0; part < RowStream.Parts; part++)
                    {
                        OneRow.Multiply<TTerms>(read, part, word);
                        if (place.Tiles > 0)
                        {
                            RowStream.Bring(write, part, 0, Side, weight, start, outputs - (place.Line * Side), block + (part * RowStream.PartBlocks), inputs);
                        }

                        CopyAsync.Commit();
                    }
                }

                OneRow.Leave(sums, item);
            }

            Group.Barrier();
            int h = (line * Side) + Group.IdxX;
            if (Group.IdxX < Side && h < outputs)
            {
                float sum = 0;
                for (int r = 0; r < topK; r++)
                {
                    sum = Scalar.Fma(shares[(row * topK) + r], OneRow.Sum<TSlices>(sums, r * TSlices.Count, Group.IdxX), sum);
                }

                if (gateLogit.Length > 0)
                {
                    sum = Scalar.Fma(opens[row], OneRow.Sum<TSlices>(sums, topK * TSlices.Count, Group.IdxX), sum);
                }

                output[((long)row * outputs) + h] = sum;
            }

            Group.Barrier();
            line++;
            if (line == lines)
            {
                line = 0;
                row++;
            }
        }

        CopyAsync.Wait(0);
    }

    // Where a tile's rows of an expert begin.
    private static long Start(DownPlace place, int rank, int inputs, int topK, int downStride, ArrayView<int> choice)
    {
        long start = 0;
        if (place.Tiles > 0)
        {
            start = (long)(place.Line * Side) * inputs;
            if (rank < topK)
            {
                start += (long)choice[(place.Row * topK) + rank] * downStride;
            }
        }

        return start;
    }
}
