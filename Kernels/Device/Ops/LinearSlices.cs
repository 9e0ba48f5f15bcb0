using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear, prompt rows and few outputs, on Hopper: a router's. A group has 64 rows and all columns, so rows are read once:
/// as they are, where two warp groups round blocks of 64 along k to terms in shared memory while the copy engine brings the weights,
/// or as the terms that the norm before left, which the copy engine brings too. Two more warp groups multiply 136 outputs each with wgmma.
/// <para>
/// The order of an output: k is cut into four slices, whatever the number of rows. A slice is one chain of products in
/// ascending k, for each block of 64 the first terms' four before the second's, where there are two; slices are added in their order. A group
/// adds up all of them, or, where rows are few, one, which <see cref="LinearSlicesJoin"/> then adds to the others: the same bits.
/// </para>
/// </summary>
public static class LinearSlices
{
    /// <summary>Rows of a group.</summary>
    public const int Rows = 64;

    /// <summary>Outputs of a group, and how many more the last one may have.</summary>
    public const int Columns = 256, MoreColumns = 16;

    /// <summary>Slices of k, of as many blocks each.</summary>
    public const int Slices = 4;

    /// <summary>Along k.</summary>
    public const int Depth = 64;

    /// <summary>Blocks on their way, barriers, and up to a multiple of 1,024.</summary>
    public const int SharedBytes = (Stages * StageBytes) + BarrierBytes + 1024;

    private const int Threads = 512, TermThreads = 384;
    private const int GroupThreads = 128;
    private const int Stages = 4;
    private const int TermBytes = Rows * Depth * 2;
    private const int BoxRows = 128;
    private const int WeightBytes = (Columns + MoreColumns) * Depth * 2;
    private const int StageBytes = (2 * TermBytes) + WeightBytes;
    private const int BarrierBytes = 128;

    // Of a warp group: sums of a slice, and behind them those of the slices before.
    private const int OwnColumns = (Columns + MoreColumns) / 2;
    private const int Sums = OwnColumns / 2;

    // Those of them that are of the 256 columns in either warp group: the second one's last outputs are not.
    private const int CertainSums = Sums - (MoreColumns / 2);

    // A thread's fours of a block, each of another row.
    private const int Fours = 8;

    /// <summary>Multiplies.</summary>
    /// <param name="weight">bf16; K is a multiple of 256.</param>
    /// <param name="more">The same, for the outputs from <paramref name="whole"/> on.</param>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="output">f32 [T, N] where a group has all slices, else [4·T, N], all rows' first slices first; rows begin at multiples of 8 bytes.</param>
    /// <param name="rows">T.</param>
    /// <param name="inputs">K.</param>
    /// <param name="outputs">N.</param>
    /// <param name="xStride">Elements from a row to the next.</param>
    /// <param name="outputStride">Likewise.</param>
    /// <param name="whole">Outputs before the at most 16 that the last columns' groups have beside their 256.</param>
    /// <param name="slices">Slices of a group: 4 or 1.</param>
    [Kernel("linear_slices", Threads, groups: "*", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = SharedBytes)]
    public static void Run<TTerms>(
        [Shape("N", "K"), Tile(BoxRows)] TensorMap<ushort> weight,
        [Shape("N", "K"), Tile(MoreColumns)] TensorMap<ushort> more,
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("S", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("N")] int outputs,
        [RowStride("x")] int xStride,
        [RowStride("output")] int outputStride,
        int whole,
        int slices)
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        uint memory = (CudaShared.Base() + 1023u) & ~1023u, full = memory + (Stages * StageBytes), empty = full + 64u;
        int group = Lanes.First(Group.IdxX >> 7), columnTiles = (whole + Columns - 1) / Columns, parts = Slices / slices;
        int part = Grid.IdxX % parts, tile = Grid.IdxX / parts, across = tile % columnTiles, row = tile / columnTiles * Rows;
        int sliceBlocks = inputs / (Depth * Slices), blocks = sliceBlocks * slices, begin = part * blocks;

        // Four warps that wrote terms, and the thread that had the weights copied.
        Start(full, empty, 5);
        if (group < 2)
        {
            WarpGroup.ReleaseRegisters(88);
            Bring<TTerms>(memory, full, empty, x, group, begin, blocks, row, rows, xStride, across * Columns, whole);
        }
        else
        {
            WarpGroup.TakeRegisters(168);
            DependentLaunch.Wait();
            Multiply<TTerms>(memory, full, empty, group - 2, sliceBlocks, slices);
            Store(output, (long)part * rows, row, rows, outputStride, group - 2, across, columnTiles, whole, outputs);
        }
    }

    /// <summary>Multiplies rows that are terms: the same bits.</summary>
    /// <param name="weight">As above.</param>
    /// <param name="more">As above.</param>
    /// <param name="x">What <see cref="ActivationTerms"/> made: P is 2·K, or K of one term.</param>
    /// <param name="output">As above, and so all others.</param>
    /// <param name="rows">T.</param>
    /// <param name="inputs">K.</param>
    /// <param name="outputs">N.</param>
    /// <param name="outputStride">Elements from a row to the next.</param>
    /// <param name="whole">Outputs before those that the last columns' groups have beside.</param>
    /// <param name="slices">Slices of a group: 4 or 1.</param>
    [Kernel("linear_slices_terms", TermThreads, groups: "*", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = SharedBytes)]
    public static void Terms<TTerms>(
        [Shape("N", "K"), Tile(BoxRows)] TensorMap<ushort> weight,
        [Shape("N", "K"), Tile(MoreColumns)] TensorMap<ushort> more,
        [Shape("T", "P"), Tile(Rows)] TensorMap<ushort> x,
        [Shape("S", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("N")] int outputs,
        [RowStride("output")] int outputStride,
        int whole,
        int slices)
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        uint memory = (CudaShared.Base() + 1023u) & ~1023u, full = memory + (Stages * StageBytes), empty = full + 64u;
        int group = Lanes.First(Group.IdxX >> 7), columnTiles = (whole + Columns - 1) / Columns, parts = Slices / slices;
        int part = Grid.IdxX % parts, tile = Grid.IdxX / parts, across = tile % columnTiles, row = tile / columnTiles * Rows;
        int sliceBlocks = inputs / (Depth * Slices), blocks = sliceBlocks * slices, begin = part * blocks;
        Start(full, empty, 1);
        if (group == 0)
        {
            WarpGroup.ReleaseRegisters(40);
            if (Group.IdxX == 0)
            {
                BringTerms<TTerms>(memory, full, empty, begin, blocks, row, inputs, across * Columns, whole);
            }
        }
        else
        {
            WarpGroup.TakeRegisters(232);
            DependentLaunch.Wait();
            Multiply<TTerms>(memory, full, empty, group - 1, sliceBlocks, slices);
            Store(output, (long)part * rows, row, rows, outputStride, group - 1, across, columnTiles, whole, outputs);
        }
    }

    // Makes the barriers; every thread calls it.
    private static void Start(uint full, uint empty, int arrivals)
    {
        if (Group.IdxX == 0)
        {
            for (int i = 0; i < Stages; i++)
            {
                AsyncBarrier.Initialize(full + (uint)(i * 8), arrivals);
                AsyncBarrier.Initialize(empty + (uint)(i * 8), 2);
            }

            AsyncBarrier.FenceInitialized();
        }

        Group.Barrier();
    }

    // One thread's. The first weights come while the kernel before this one still runs. Rows past the end are zeros.
    private static void BringTerms<TTerms>(uint memory, uint full, uint empty, int begin, int blocks, int row, int inputs, int column, int whole)
        where TTerms : struct, IActivationTerms
    {
        int ahead = Math.Min(blocks, Stages);
        for (int block = 0; block < ahead; block++)
        {
            BringWeights(memory, full, 0, block, begin + block, column, whole, TTerms.Count * TermBytes);
        }

        DependentLaunch.Wait();
        for (int block = 0; block < blocks; block++)
        {
            int stage = block % Stages;
            if (block >= Stages)
            {
                AsyncBarrier.Wait(empty + (uint)(stage * 8), ((block / Stages) & 1) ^ 1);
                BringWeights(memory, full, 0, stage, begin + block, column, whole, TTerms.Count * TermBytes);
            }

            uint at = memory + (uint)(stage * StageBytes), barrier = full + (uint)(stage * 8);
            TensorCopy.Load(at, TensorCopy.Map(2), (begin + block) * Depth, row, barrier);
            if (TTerms.Count == 2)
            {
                TensorCopy.Load(at + TermBytes, TensorCopy.Map(2), inputs + ((begin + block) * Depth), row, barrier);
            }
        }
    }

    // Each of two warp groups takes every other block.
    private static void Bring<TTerms>(
        uint memory, uint full, uint empty, ArrayView<float> x, int group, int begin, int blocks, int row, int rows, int xStride, int column, int whole)
        where TTerms : struct, IActivationTerms
    {
        int thread = Group.IdxX & (GroupThreads - 1), line = thread >> 4, four = thread & 15;

        // Weights are nobody's output: the first come while the kernel before this one still runs.
        for (int block = group; block < Math.Min(blocks, Stages); block += 2)
        {
            BringWeights(memory, full, thread, block, begin + block, column, whole, 0);
        }

        DependentLaunch.Wait();
        var from = new long[Fours];
        var bits = new U4[Fours];
        for (int i = 0; i < Fours; i++)
        {
            // Rows past the end repeat the last one, and are not stored.
            from[i] = ((long)Math.Min(row + line + (i * 8), rows - 1) * xStride) + (four * 4);
            bits[i] = WideAccess.Load(ref x[from[i] + ((begin + group) * Depth)]);
        }

        // Within a line of 128 bytes chunks are swizzled; lines eight apart are swizzled alike.
        uint place = TileLayout.Wide(line, four >> 1) + (uint)((four & 1) * 8);
        for (int block = group; block < blocks; block += 2)
        {
            int stage = block % Stages;
            if (block >= Stages)
            {
                AsyncBarrier.Wait(empty + (uint)(stage * 8), ((block / Stages) & 1) ^ 1);
                BringWeights(memory, full, thread, stage, begin + block, column, whole, 0);
            }

            uint at = memory + (uint)(stage * StageBytes) + place;
            int next = (begin + Math.Min(block + 2, blocks - 1)) * Depth;
            for (int i = 0; i < Fours; i++)
            {
                U4 terms = SplitProducts.Pairs(Interop.IntAsFloat(bits[i].X), Interop.IntAsFloat(bits[i].Y), Interop.IntAsFloat(bits[i].Z), Interop.IntAsFloat(bits[i].W));
                bits[i] = WideAccess.Load(ref x[from[i] + next]);
                CudaShared.Store2(at + (uint)(i * 1024), terms.X, terms.Y);
                if (TTerms.Count == 2)
                {
                    CudaShared.Store2(at + (uint)(TermBytes + (i * 1024)), terms.Z, terms.W);
                }
            }

            CudaShared.FenceForAsync();
            Lanes.Together();
            if ((thread & 31) == 0)
            {
                AsyncBarrier.Arrive(full + (uint)(stage * 8));
            }
        }
    }

    // And more bytes to come. What lies beyond N reads as zero.
    private static void BringWeights(uint memory, uint full, int thread, int stage, int block, int column, int whole, int more)
    {
        if (thread == 0)
        {
            uint barrier = full + (uint)(stage * 8), at = memory + (uint)((stage * StageBytes) + (2 * TermBytes));
            AsyncBarrier.ArriveExpecting(barrier, WeightBytes + more);
            TensorCopy.Load(at, TensorCopy.Map(0), block * Depth, column, barrier);
            TensorCopy.Load(at + (BoxRows * 128), TensorCopy.Map(0), block * Depth, column + BoxRows, barrier);
            TensorCopy.Load(at + (Columns * 128), TensorCopy.Map(1), block * Depth, whole, barrier);
        }
    }

    private static void Multiply<TTerms>(uint memory, uint full, uint empty, int group, int sliceBlocks, int slices)
        where TTerms : struct, IActivationTerms
    {
        int stage = 0, parity = 0, last = 0, own = Group.IdxX & (GroupThreads - 1);
        for (int slice = 0; slice < slices; slice++)
        {
            for (int block = 0; block < sliceBlocks; block++)
            {
                AsyncBarrier.Wait(full + (uint)(stage * 8), parity);
                uint at = memory + (uint)(stage * StageBytes);
                long a = WarpGroup.Descriptor | (at >> 4), b = WarpGroup.Descriptor | ((at + (uint)((2 * TermBytes) + (group * OwnColumns * 128))) >> 4);
                WarpGroup.Fence();
                WarpGroup.Multiply136(a, b, block);
                if (TTerms.Count == 2)
                {
                    WarpGroup.Multiply136(a + (TermBytes >> 4), b, 1);
                }

                WarpGroup.Commit();

                // The block before is done with: its products are when at most these are under way.
                WarpGroup.Wait(1);
                if (block > 0)
                {
                    AsyncBarrier.ArriveFirst(empty + (uint)(last * 8), own);
                }

                last = stage;
                stage++;
                if (stage == Stages)
                {
                    stage = 0;
                    parity ^= 1;
                }
            }

            WarpGroup.Wait(0);
            AsyncBarrier.ArriveFirst(empty + (uint)(last * 8), own);
            if (slice == 0)
            {
                for (int i = 0; i < Sums; i++)
                {
                    Accumulators.Set(Sums + i, Accumulators.Get(i));
                }
            }
            else
            {
                for (int i = 0; i < Sums; i++)
                {
                    Accumulators.Set(Sums + i, Accumulators.Get(Sums + i) + Accumulators.Get(i));
                }
            }
        }
    }

    private static void Store(
        ArrayView<float> output, long partRow, int row, int rows, int outputStride, int group, int across, int columnTiles, int whole, int outputs)
    {
        int own = Group.IdxX & (GroupThreads - 1), lane = own & 31, upper = row + ((own >> 5) * 16) + (lane >> 2), first = (group * OwnColumns) + ((lane & 3) * 2);
        long to = (partRow + upper) * outputStride, below = 8L * outputStride;
        if (row + Rows <= rows && (across + 1) * Columns <= whole)
        {
            // Nothing is missing: a branch before each store takes longer than the store.
            long at = to + (across * Columns) + first;
            for (int i = 0; i < CertainSums; i += 4)
            {
                WideAccess.Store2(ref output[at + (i * 2)], Accumulators.Get(Sums + i), Accumulators.Get(Sums + i + 1));
                WideAccess.Store2(ref output[at + below + (i * 2)], Accumulators.Get(Sums + i + 2), Accumulators.Get(Sums + i + 3));
            }
        }
        else
        {
            for (int i = 0; i < CertainSums; i += 4)
            {
                StoreFour(output, to, below, rows - upper, first + (i * 2), i, across, columnTiles, whole, outputs);
            }
        }

        for (int i = CertainSums; i < Sums; i += 4)
        {
            StoreFour(output, to, below, rows - upper, first + (i * 2), i, across, columnTiles, whole, outputs);
        }
    }

    // Two outputs of a row and of the one eight below. Behind the columns of a group are the last outputs, which the last groups have.
    private static void StoreFour(
        ArrayView<float> output, long to, long below, int rowsLeft, int place, int firstSum, int across, int columnTiles, int whole, int outputs)
    {
        bool isMore = place >= Columns;
        int column = isMore ? whole + place - Columns : (across * Columns) + place, end = isMore ? (across == columnTiles - 1 ? outputs : 0) : whole;
        if (rowsLeft > 0)
        {
            Store(output, to + column, end - column, Accumulators.Get(Sums + firstSum), Accumulators.Get(Sums + firstSum + 1));
        }

        if (rowsLeft > 8)
        {
            Store(output, to + below + column, end - column, Accumulators.Get(Sums + firstSum + 2), Accumulators.Get(Sums + firstSum + 3));
        }
    }

    private static void Store(ArrayView<float> output, long at, int left, float first, float second)
    {
        if (left > 1)
        {
            WideAccess.Store2(ref output[at], first, second);
        }
        else if (left == 1)
        {
            output[at] = first;
        }
    }
}
