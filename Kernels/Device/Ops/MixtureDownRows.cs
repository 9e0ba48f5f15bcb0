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

    // The slices of ten experts and a shared one, in two each: all of a tile's weights are asked for at once.
    private const int Places = 22;

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
    [Cuda("sm_80", SharedBytes = Places * OneRow.ChunkBytes, GroupsTogether = 2)]
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
        var terms = new uint[OneRow.Blocks * 4];
        DependentLaunch.Allow();
        ArrayView<float> sums = SharedMemory.Allocate<float>(MostItems * OneRow.Outputs);
        ArrayView<int> choice = SharedMemory.Allocate<int>(MixtureRows.MostPairs);
        ArrayView<float> shares = SharedMemory.Allocate<float>(MixtureRows.MostPairs), opens = SharedMemory.Allocate<float>(MixtureRows.MostPairs);
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, lines = outputs / OneRow.Outputs;
        int tile = RowStream.Begin(rows * lines, Grid.IdxX), tiles = RowStream.Begin(rows * lines, Grid.IdxX + 1) - tile;
        int items = (gateLogit.Length > 0 ? topK + 1 : topK) * TSlices.Count;
        int begin = RowProducts.Begin<TSlices>(width), chunks = (RowProducts.End<TSlices>(width) - begin) / OneRow.Blocks;
        if (Group.IdxX < rows * topK)
        {
            // Nothing but the first half's work is left to wait for when the terms are there.
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

        // The first weights: they may come while the first half still runs. The first warps have room for two chunks.
        uint memory = CudaShared.Base() + (uint)(warp * OneRow.ChunkBytes), read = memory;
        int step = warp < Places - Warps ? Warps * OneRow.ChunkBytes : 0;
        DownPlace next = place;
        Bring(memory, next, begin, width, sharedWidth, topK, TSlices.Count, downStride, choice, down, sharedDown);
        next = DownPlace.After(next, chunks, items, lines, Warps);
        if (step > 0)
        {
            CopyAsync.Commit();
            Bring(memory + (uint)step, next, begin, width, sharedWidth, topK, TSlices.Count, downStride, choice, down, sharedDown);
            next = DownPlace.After(next, chunks, items, lines, Warps);
        }

        CopyAsync.Commit();
        DependentLaunch.Wait();
        for (; tiles > 0; tiles--)
        {
            for (int item = warp; item < items; item += Warps)
            {
                int rank = item / TSlices.Count, inputs = rank == topK ? sharedWidth : width;
                Accumulators.Clear4(0);
                for (int chunk = 0; chunk < chunks; chunk++)
                {
                    for (int b = 0; b < OneRow.Blocks; b++)
                    {
                        int k = ((begin + (chunk * OneRow.Blocks) + b) * 32) + ((lane & 3) * Eight);
                        bool inside = k < inputs;
                        long at = ((long)row * innerWidth) + (2L * ((rank * width) + (inside ? k : 0))) + (((lane >> 2) & (TTerms.Count - 1)) * Eight);
                        U4 words = WideAccess.Load(ref inner[at]);
                        terms[b * 4] = inside ? words.X : 0;
                        terms[(b * 4) + 1] = inside ? words.Y : 0;
                        terms[(b * 4) + 2] = inside ? words.Z : 0;
                        terms[(b * 4) + 3] = inside ? words.W : 0;
                    }

                    if (step > 0)
                    {
                        CopyAsync.Wait(1);
                    }
                    else
                    {
                        CopyAsync.Wait(0);
                    }

                    Lanes.Together();
                    uint from = OneRow.Read(read);
                    for (int b = 0; b < OneRow.Blocks; b++)
                    {
                        OneRow.Multiply(from, b, RowStream.Words(terms, b * 4));
                    }

                    Lanes.Together();
                    Bring(read, next, begin, width, sharedWidth, topK, TSlices.Count, downStride, choice, down, sharedDown);
                    CopyAsync.Commit();
                    next = DownPlace.After(next, chunks, items, lines, Warps);
                    read = read == memory ? memory + (uint)step : memory;
                }

                OneRow.Leave<TTerms>(sums, item);
            }

            Group.Barrier();
            if (Group.IdxX < OneRow.Outputs)
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

    // Asks for a chunk, where there is one.
    private static void Bring(
        uint memory,
        DownPlace place,
        int begin,
        int width,
        int sharedWidth,
        int topK,
        int slices,
        int downStride,
        ArrayView<int> choice,
        ArrayView<ushort> down,
        ArrayView<ushort> sharedDown)
    {
        if (place.Tiles > 0)
        {
            int rank = place.Item / slices, block = begin + (place.Chunk * OneRow.Blocks);
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
}
