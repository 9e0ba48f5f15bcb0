using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear and the second half of gated_mlp for up to eight generated rows, on cards since Ampere: each group has an even share
/// of the outputs and reads their weights in one stream (<see cref="RowStream"/>). Where outputs are few, as a router's, more rows
/// come in tiles, each with groups of its own. Sums have the order of <see cref="RowProducts"/>, so the bits are those of the
/// kernels for more rows.
/// </summary>
public static class LinearRowsFew
{
    private const int Side = 16;
    private const int Sums = 2 * RowProducts.Warps * Side * 8;

    /// <summary>output[t, n] = add[t, n] + sigmoid(gate[t]) · Σ_k x[t, k] · weight[n, k]; no gate counts as 1, nothing to add as 0.</summary>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="weight">bf16; K is a multiple of 8, and its address of 16.</param>
    /// <param name="gate">f32, or empty.</param>
    /// <param name="add">f32, or empty.</param>
    /// <param name="output">f32.</param>
    /// <param name="rows">T.</param>
    /// <param name="inputs">K.</param>
    /// <param name="outputs">N, at least as many as groups / rowTiles.</param>
    /// <param name="xStride">Elements from a row to the next.</param>
    /// <param name="gateStride">Likewise.</param>
    /// <param name="addStride">Likewise.</param>
    /// <param name="outputStride">Likewise.</param>
    /// <param name="tileRows">Rows of a tile, at most 8.</param>
    /// <param name="rowTiles">Tiles: as many groups share some outputs, so that groups are a multiple of it.</param>
    [Kernel("linear_rows_few", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("slices4x", typeof(FourSlices), typeof(SplitTerms))]
    [Instance("slices8x", typeof(EightSlices), typeof(SplitTerms))]
    [Instance("slices2x_rounded", typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("slices4x_rounded", typeof(FourSlices), typeof(SingleTerm))]
    [Instance("slices8x_rounded", typeof(EightSlices), typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = RowStream.GroupBytes, GroupsTogether = 2)]
    public static void Run<TSlices, TTerms>(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("N", "K")] ArrayView<ushort> weight,
        [Shape("T", "1", Optional = true)] ArrayView<float> gate,
        [Shape("T", "N", Optional = true)] ArrayView<float> add,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("N")] int outputs,
        [RowStride("x")] int xStride,
        [RowStride("gate")] int gateStride,
        [RowStride("add")] int addStride,
        [RowStride("output")] int outputStride,
        int tileRows,
        int rowTiles)
        where TSlices : struct, ISlices
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();

        // As many rounds' sums as there is room for: the fewer the rows, the more seldom a warp waits for the others.
        ArrayView<float> sums = SharedMemory.Allocate<float>(Sums);
        uint memory = CudaShared.Base(), write = RowStream.Write(memory), read = RowStream.Read(memory);
        int lane = Group.IdxX & 31, own = RowProducts.Warps / TSlices.Count * Side, line = (Group.IdxX >> 5) / TSlices.Count * Side;
        int share = Grid.IdxX / rowTiles, shares = Grid.DimX / rowTiles, firstRow = (Grid.IdxX - (share * rowTiles)) * tileRows;
        int first = RowStream.Begin(outputs, share, shares), last = RowStream.Begin(outputs, share + 1, shares);
        int begin = RowProducts.Begin<TSlices>(inputs), chunks = (RowProducts.End<TSlices>(inputs) - begin) / RowStream.Depth;
        rows = Math.Min(rows - firstRow, tileRows);
        int padded = rows <= 1 ? 1 : rows <= 2 ? 2 : rows <= 4 ? 4 : 8, rounds = Sums / (RowProducts.Warps * Side) / padded;

        // Rows past the end repeat the last one and are not stored.
        long xRow = (long)(firstRow + Math.Min(lane >> 2, rows - 1)) * xStride, start = (long)Math.Min(first + line, outputs - 1) * inputs;
        int count = last - first - line;
        bool isOnce = rowTiles == 1;

        // Weights are nobody's output: they may come while the kernel before this one still runs.
        for (int part = 0; part < RowStream.Parts; part++)
        {
            RowStream.Bring(write, part, 0, Side, weight, start, count, begin + (part * RowStream.PartBlocks), inputs, isOnce);
            CopyAsync.Commit();
        }

        DependentLaunch.Wait();
        var terms = new uint[RowStream.Depth * 8];
        int left = 0, pending = first;
        for (int unit = first; unit < last; unit += own)
        {
            Accumulators.Clear4(0);
            Accumulators.Clear4(4);
            long nextStart = (long)Math.Min(unit + own + line, outputs - 1) * inputs;
            int nextCount = last - unit - own - line;
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                // One chunk's terms serve all outputs.
                if (chunks > 1 || unit == first)
                {
                    Split<TTerms>(terms, x, xRow, begin + (chunk * RowStream.Depth), inputs);
                }

                bool isLast = chunk + 1 == chunks;
                int block = isLast ? begin : begin + ((chunk + 1) * RowStream.Depth);
                start = isLast ? nextStart : start;
                count = isLast ? nextCount : count;
                for (int part = 0; part < RowStream.Parts; part++)
                {
                    RowStream.Ready();
                    for (int b = 0; b < RowStream.PartBlocks; b++)
                    {
                        int at = ((part * RowStream.PartBlocks) + b) * 8;
                        RowStream.Multiply<TTerms>(0, read, part, b, RowStream.Words(terms, at), RowStream.Words(terms, at + ((TTerms.Count - 1) * 4)));
                    }

                    Lanes.Together();
                    RowStream.Bring(write, part, 0, Side, weight, start, count, block + (part * RowStream.PartBlocks), inputs, isOnce);
                    CopyAsync.Commit();
                }
            }

            Leave(sums, ((left * RowProducts.Warps) + (Group.IdxX >> 5)) * padded * Side, rows);
            left++;
            if (left == rounds || unit + own >= last)
            {
                Group.Barrier();
                int ready = Math.Min(left * own, last - pending);
                for (int i = Group.IdxX; i < ready * rows; i += RowProducts.Threads)
                {
                    int local = i % ready, row = i / ready, t = firstRow + row, n = pending + local;
                    int warp = (local / own * RowProducts.Warps) + (local % own / Side * TSlices.Count);
                    float product = Join<TSlices>(sums, (((warp * padded) + row) * Side) + (local % Side), padded * Side);
                    float scale = gate.Length > 0 ? GateMath.Sigmoid(gate[(long)t * gateStride]) : 1, sum = add.Length > 0 ? add[((long)t * addStride) + n] : 0;
                    output[((long)t * outputStride) + n] = gate.Length > 0 || add.Length > 0 ? Scalar.Fma(scale, product, sum) : product;
                }

                Group.Barrier();
                pending += left * own;
                left = 0;
            }
        }

        CopyAsync.Wait(0);
    }

    // A chunk of this lane's row as terms: four words of first ones and, where there are any, four of second ones for each block.
    private static void Split<TTerms>(uint[] terms, ArrayView<float> x, long row, int block, int inputs)
        where TTerms : struct, IActivationTerms
    {
        for (int b = 0; b < RowStream.Depth; b++)
        {
            int k = ((block + b) * 32) + ((Group.IdxX & 3) * 8);
            bool inside = k < inputs;
            long at = row + (inside ? k : 0);
            RowProducts.Split<TTerms>(terms, b * 8, WideAccess.Load(ref x[at]), WideAccess.Load(ref x[at + 4]), inside);
        }
    }

    // This lane's sums, of outputs l / 4 and l / 4 + 8, rows 2·(l & 3) and the next.
    internal static void Leave(ArrayView<float> sums, int from, int rows)
    {
        int row = (Group.IdxX & 3) * 2, at = from + (row * Side) + ((Group.IdxX & 31) >> 2);
        if (row < rows)
        {
            sums[at] = Accumulators.Get(0) + Accumulators.Get(4);
            sums[at + 8] = Accumulators.Get(2) + Accumulators.Get(6);
        }

        if (row + 1 < rows)
        {
            sums[at + Side] = Accumulators.Get(1) + Accumulators.Get(5);
            sums[at + Side + 8] = Accumulators.Get(3) + Accumulators.Get(7);
        }
    }

    // The slices of an output, in their order.
    internal static float Join<TSlices>(ArrayView<float> sums, int at, int step)
        where TSlices : struct, ISlices
    {
        float sum = sums[at];
        for (int slice = 1; slice < TSlices.Count; slice++)
        {
            sum += sums[at + (slice * step)];
        }

        return sum;
    }
}
