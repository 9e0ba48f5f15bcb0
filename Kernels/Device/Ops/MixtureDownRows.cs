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

    /// <summary>Warps of a group.</summary>
    public const int Warps = 16;

    private const int Threads = Warps * 32;
    private const int Eight = 8;
    private const int Ranks = 8;

    // The slices of eight experts and a shared one, in two each: all of a tile's weights are asked for at once.
    private const int Places = 18;

    // A chunk's weights, and its terms: of eight along k the first ones, then the second ones.
    private const int PlaceBytes = OneRow.ChunkBytes + (OneRow.Blocks * OneRow.BlockBytes);

    /// <summary>
    /// output[t, h] = Σ_r mix[t, r] · (inner_r·down_h) + sigmoid(gateLogit[t]) · (inner_shared·sharedDown_h), the latter where
    /// there is a logit. A tile is eight outputs of a row; a warp has slices of its experts' shares, one after the other.
    /// </summary>
    [Kernel("mixture_down_rows", Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("slices4x", typeof(FourSlices), typeof(SplitTerms))]
    [Instance("slices8x", typeof(EightSlices), typeof(SplitTerms))]
    [Instance("slices2x_rounded", typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("slices4x_rounded", typeof(FourSlices), typeof(SingleTerm))]
    [Instance("slices8x_rounded", typeof(EightSlices), typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = Places * PlaceBytes, GroupsTogether = 2)]
    public static void Run<TSlices, TTerms>(
        [Shape("T", "V")] ArrayView<ushort> inner,
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("T", "1", Optional = true)] ArrayView<float> gateLogit,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("E", "HI")] ArrayView<ushort> down,
        [Shape("H", "J")] ArrayView<ushort> sharedDown,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int outputs,
        [Extent("V")] int innerWidth,
        [Extent("J")] int sharedWidth,
        [RowStride("gateLogit")] int gateStride,
        [RowStride("down")] int downStride,
        int width)
        where TSlices : struct, ISlices
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        ArrayView<float> sums = SharedMemory.Allocate<float>(MostItems * OneRow.Outputs);
        ArrayView<int> choice = SharedMemory.Allocate<int>(MixtureRows.MostPairs);
        ArrayView<float> shares = SharedMemory.Allocate<float>(MixtureRows.MostPairs), opens = SharedMemory.Allocate<float>(MixtureRows.MostPairs);

        // Nothing but the first half's work is left to wait for when the terms are there. What is read comes while the rest is worked
        // out: most groups begin as others end, and memory rests until they know what to ask for.
        int pair = Group.IdxX, chosen = 0;
        float share = 0, logit = 0;
        if (pair < rows * topK)
        {
            chosen = WideAccess.Fresh(ref experts[pair]);
            share = WideAccess.Fresh(ref mix[pair]);
        }

        if (pair < rows && gateLogit.Length > 0)
        {
            logit = WideAccess.Fresh(ref gateLogit[(long)pair * gateStride]);
        }

        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, lines = outputs / OneRow.Outputs;
        int tile = RowStream.Begin(rows * lines, Grid.IdxX), tiles = RowStream.Begin(rows * lines, Grid.IdxX + 1) - tile;
        int items = (gateLogit.Length > 0 ? topK + 1 : topK) * TSlices.Count;
        int begin = RowProducts.Begin<TSlices>(width), chunks = (RowProducts.End<TSlices>(width) - begin) / OneRow.Blocks;

        // A warp may have nothing: its slice may be empty, and there may be more warps than items.
        int row = tile / lines, line = tile - (row * lines);
        var place = new DownPlace { Tiles = chunks > 0 && warp < items ? tiles : 0, Row = row, Line = line, Item = warp };

        // The first weights: they may come while the first half still runs. The first warps have room for two chunks.
        uint memory = CudaShared.Base() + (uint)(warp * PlaceBytes), read = memory;
        uint step = (uint)(warp < Places - Warps ? Warps * PlaceBytes : 0);
        DownPlace second = DownPlace.After(place, chunks, items, lines, Warps), next = step > 0 ? DownPlace.After(second, chunks, items, lines, Warps) : second;
        second.Tiles = step > 0 ? second.Tiles : 0;
        if (pair < rows * topK)
        {
            choice[pair] = chosen;
        }

        Group.Barrier();
        Weights<TSlices>(memory, place, begin, width, sharedWidth, topK, downStride, choice, down, sharedDown);
        Weights<TSlices>(memory + step, second, begin, width, sharedWidth, topK, downStride, choice, down, sharedDown);
        if (pair < rows * topK)
        {
            shares[pair] = share;
        }

        if (pair < rows)
        {
            opens[pair] = GateMath.Sigmoid(logit);
        }

        DependentLaunch.Wait();
        Terms<TSlices>(memory, place, begin, width, sharedWidth, topK, innerWidth, inner);
        Terms<TSlices>(memory + step, second, begin, width, sharedWidth, topK, innerWidth, inner);
        CopyAsync.Commit();
        uint own = (uint)(OneRow.ChunkBytes + ((lane & 3) * 32) + (((lane >> 2) & (TTerms.Count - 1)) * 16));
        for (; tiles > 0; tiles--)
        {
            for (int item = warp; item < items; item += Warps)
            {
                Accumulators.Clear4(0);
                for (int chunk = 0; chunk < chunks; chunk++)
                {
                    CopyAsync.Wait(0);
                    Lanes.Together();
                    uint from = OneRow.Read(read);
                    for (int b = 0; b < OneRow.Blocks; b++)
                    {
                        OneRow.Multiply(from, b, CudaShared.Load4(read + own + (uint)(b * OneRow.BlockBytes)));
                    }

                    Lanes.Together();
                    Weights<TSlices>(read, next, begin, width, sharedWidth, topK, downStride, choice, down, sharedDown);
                    Terms<TSlices>(read, next, begin, width, sharedWidth, topK, innerWidth, inner);
                    CopyAsync.Commit();
                    next = DownPlace.After(next, chunks, items, lines, Warps);
                    read = read == memory ? memory + step : memory;
                }

                OneRow.Leave<TTerms>(sums, item);
            }

            Group.Barrier();
            if (Group.IdxX < OneRow.Outputs)
            {
                // Eight ranks are read at a time, since each sum waits for the one before.
                var parts = new float[Ranks];
                float sum = 0;
                for (int r = 0; r < topK; r += Ranks)
                {
                    for (int i = 0; i < Ranks; i++)
                    {
                        parts[i] = OneRow.Sum<TSlices>(sums, Math.Min(r + i, topK - 1) * TSlices.Count, Group.IdxX);
                    }

                    for (int i = 0; i < Ranks; i++)
                    {
                        float with = Scalar.Fma(shares[(row * topK) + Math.Min(r + i, topK - 1)], parts[i], sum);
                        sum = r + i < topK ? with : sum;
                    }
                }

                if (gateLogit.Length > 0)
                {
                    sum = Scalar.Fma(opens[row], OneRow.Sum<TSlices>(sums, topK * TSlices.Count, Group.IdxX), sum);
                }

                output[((long)row * outputs) + (line * OneRow.Outputs) + Group.IdxX] = sum;
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

    // Asks for a chunk's weights, where there is one.
    private static void Weights<TSlices>(
        uint memory, DownPlace place, int begin, int width, int sharedWidth, int topK, int downStride, ArrayView<int> choice, ArrayView<ushort> down, ArrayView<ushort> sharedDown)
        where TSlices : struct, ISlices
    {
        if (place.Tiles > 0)
        {
            int rank = place.Item / TSlices.Count, block = begin + (place.Chunk * OneRow.Blocks);
            if (rank == topK)
            {
                OneRow.Bring(memory, 0, OneRow.Outputs, sharedDown, (long)(place.Line * OneRow.Outputs) * sharedWidth, block, sharedWidth);
            }
            else
            {
                long start = ((long)choice[(place.Row * topK) + rank] * downStride) + ((long)(place.Line * OneRow.Outputs) * width);
                OneRow.Bring(memory, 0, OneRow.Outputs, down, start, block, width);
            }
        }
    }

    // Asks for its terms; beyond K they are zeros.
    private static void Terms<TSlices>(uint memory, DownPlace place, int begin, int width, int sharedWidth, int topK, int innerWidth, ArrayView<ushort> inner)
        where TSlices : struct, ISlices
    {
        if (place.Tiles > 0)
        {
            int rank = place.Item / TSlices.Count, lane = Group.IdxX & 31, k = ((begin + (place.Chunk * OneRow.Blocks)) * 32) + (lane * Eight);
            bool inside = k < (rank == topK ? sharedWidth : width);
            long at = ((long)place.Row * innerWidth) + (2L * ((rank * width) + (inside ? k : 0)));
            uint to = memory + OneRow.ChunkBytes + (uint)(lane * 32);
            CopyAsync.Sixteen(to, ref inner[at], inside ? 16 : 0);
            CopyAsync.Sixteen(to + 16, ref inner[at + Eight], inside ? 16 : 0);
        }
    }
}
