using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear, prompt rows, on Hopper: output[t, n] = Σ_k x[t, k] · weight[n, k] with wgmma. Groups of three times four warps stay
/// on a multiprocessor and take tile after tile; a thread of the first warp group has the copy engine bring blocks of 64
/// along k, the other two multiply 64 rows each, and the copy engine takes the sums away while they go on to the next tile.
/// Each output is one chain of products in ascending k, for each block of 64 the first terms' four before the second's: the
/// same whatever rows are beside it, how many there are, and where it lies. What is beyond T, N or K reads as zero.
/// </summary>
public static class LinearWarpGroup
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 128;

    /// <summary>Blocks on their way, two boxes of sums for each of the two that multiply, barriers, and up to a multiple of 1,024.</summary>
    public const int SharedBytes = BlocksBytes + OutputBytes + BarrierBytes + 1024;

    private const int Threads = 384;
    private const int Depth = 64;
    private const int HalfTile = Rows * Depth * 2;
    private const int OwnRows = 64;

    // A thread's sums of an f32 box.
    private const int BoxSums = 16;
    private const int BoxBytes = OwnRows * 128;
    private const int BlocksBytes = 192 << 10;
    private const int OutputBytes = 2 * 2 * BoxBytes;
    private const int BarrierBytes = 128;

    /// <summary>Multiplies.</summary>
    /// <param name="x">What <see cref="ActivationTerms"/> made: P is its terms times K rounded up to 64.</param>
    /// <param name="weight">bf16.</param>
    /// <param name="output">f32 or bf16.</param>
    /// <param name="rows">T.</param>
    /// <param name="packed">P.</param>
    /// <param name="outputs">N.</param>
    [Kernel("linear_warpgroup", Threads, groups: "*", Unroll = true)]
    [Cuda("sm_90a", SharedBytes = SharedBytes)]
    [Instance("wide_split", typeof(WideTile), typeof(SplitTerms), typeof(F32Output), typeof(float))]
    [Instance("narrow_split", typeof(NarrowTile), typeof(SplitTerms), typeof(F32Output), typeof(float))]
    [Instance("wide_rounded", typeof(WideTile), typeof(SingleTerm), typeof(F32Output), typeof(float))]
    [Instance("narrow_rounded", typeof(NarrowTile), typeof(SingleTerm), typeof(F32Output), typeof(float))]
    [Instance("wide_single", typeof(WideTile), typeof(SingleTerm), typeof(BF16Output), typeof(ushort))]
    [Instance("narrow_single", typeof(NarrowTile), typeof(SingleTerm), typeof(BF16Output), typeof(ushort))]
    public static void Run<TTile, TTerms, TOutput, TElement>(
        [Shape("T", "P"), Tile(Rows)] TensorMap<ushort> x,
        [Shape("N", "K"), Tile(Rows)] TensorMap<ushort> weight,
        [Shape("T", "N"), Tile(OwnRows)] TensorMap<TElement> output,
        [Extent("T")] int rows,
        [Extent("P")] int packed,
        [Extent("N")] int outputs)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
        where TOutput : struct, IProductOutput
        where TElement : unmanaged
    {
        Work<TTile, TTerms, TOutput>(default, default, 0, 0, rows, packed, outputs);
    }

    /// <summary>
    /// Multiplies, and writes add[t, n] + sigmoid(gate[t]) · Σ. What is added may be what is written: each thread has read
    /// what it adds before the sums leave for the same place.
    /// </summary>
    /// <param name="x">As above.</param>
    /// <param name="weight">bf16; N is even.</param>
    /// <param name="output">f32.</param>
    /// <param name="gate">f32.</param>
    /// <param name="add">f32; its rows begin at multiples of 8 bytes.</param>
    /// <param name="rows">T.</param>
    /// <param name="packed">P.</param>
    /// <param name="outputs">N.</param>
    /// <param name="gateStride">Elements from a row to the next.</param>
    /// <param name="addStride">Likewise.</param>
    [Kernel("linear_warpgroup_added", Threads, groups: "*", Unroll = true)]
    [Cuda("sm_90a", SharedBytes = SharedBytes)]
    [Instance("wide", typeof(WideTile), typeof(SplitTerms))]
    [Instance("narrow", typeof(NarrowTile), typeof(SplitTerms))]
    [Instance("wide_rounded", typeof(WideTile), typeof(SingleTerm))]
    [Instance("narrow_rounded", typeof(NarrowTile), typeof(SingleTerm))]
    public static void Add<TTile, TTerms>(
        [Shape("T", "P"), Tile(Rows)] TensorMap<ushort> x,
        [Shape("N", "K"), Tile(Rows)] TensorMap<ushort> weight,
        [Shape("T", "N"), Tile(OwnRows)] TensorMap<float> output,
        [Shape("T", "1")] ArrayView<float> gate,
        [Shape("T", "N")] ArrayView<float> add,
        [Extent("T")] int rows,
        [Extent("P")] int packed,
        [Extent("N")] int outputs,
        [RowStride("gate")] int gateStride,
        [RowStride("add")] int addStride)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
    {
        Work<TTile, TTerms, AddedOutput>(gate, add, gateStride, addStride, rows, packed, outputs);
    }

    private static void Work<TTile, TTerms, TOutput>(
        ArrayView<float> gate, ArrayView<float> add, int gateStride, int addStride, int rows, int packed, int outputs)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
        where TOutput : struct, IProductOutput
    {
        int stages = TTerms.Count == 1 ? TTile.SingleStages : TTile.SplitStages;
        int thread = Group.IdxX, group = Lanes.First(thread >> 7);
        uint memory = (CudaShared.Base() + 1023u) & ~1023u;
        uint full = memory + BlocksBytes + OutputBytes, empty = full + 64u;
        int rowTiles = (rows + Rows - 1) / Rows, tiles = rowTiles * ((outputs + TTile.Columns - 1) / TTile.Columns);
        int padded = packed / TTerms.Count;
        if (thread == 0)
        {
            for (int i = 0; i < stages; i++)
            {
                AsyncBarrier.Initialize(full + (uint)(i * 8), 1);
                AsyncBarrier.Initialize(empty + (uint)(i * 8), 2);
            }

            AsyncBarrier.FenceInitialized();
        }

        Group.Barrier();
        if (group == 0)
        {
            WarpGroup.ReleaseRegisters(40);
            if (thread == 0)
            {
                Bring<TTile, TTerms>(memory, full, empty, stages, rowTiles, tiles, padded);
            }
        }
        else
        {
            WarpGroup.TakeRegisters(232);
            Multiply<TTile, TTerms, TOutput>(memory, full, empty, stages, rowTiles, tiles, padded / Depth, group, gate, add, gateStride, addStride, rows, outputs);
        }
    }

    // Columns of a tile are the outer loop over tiles, so the groups that run side by side read the same weights.
    private static void Bring<TTile, TTerms>(uint memory, uint full, uint empty, int stages, int rowTiles, int tiles, int padded)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
    {
        long x = TensorCopy.Map(0), weight = TensorCopy.Map(1);
        int stage = 0, parity = 1;
        for (int tile = Grid.IdxX; tile < tiles; tile += Grid.DimX)
        {
            int across = tile / rowTiles, row = (tile - (across * rowTiles)) * Rows, column = across * TTile.Columns;
            for (int k = 0; k < padded; k += Depth)
            {
                uint barrier = full + (uint)(stage * 8), at = memory + (uint)(stage * StageBytes<TTile, TTerms>());
                AsyncBarrier.Wait(empty + (uint)(stage * 8), parity);
                AsyncBarrier.ArriveExpecting(barrier, StageBytes<TTile, TTerms>());
                TensorCopy.Load(at, x, k, row, barrier);
                if (TTerms.Count == 2)
                {
                    TensorCopy.Load(at + HalfTile, x, padded + k, row, barrier);
                }

                at += (uint)(TTerms.Count * HalfTile);
                TensorCopy.Load(at, weight, k, column, barrier);
                if (TTile.Columns == 256)
                {
                    TensorCopy.Load(at + HalfTile, weight, k, column + Rows, barrier);
                }

                stage++;
                if (stage == stages)
                {
                    stage = 0;
                    parity ^= 1;
                }
            }
        }
    }

    private static void Multiply<TTile, TTerms, TOutput>(
        uint memory,
        uint full,
        uint empty,
        int stages,
        int rowTiles,
        int tiles,
        int blocks,
        int group,
        ArrayView<float> gate,
        ArrayView<float> add,
        int gateStride,
        int addStride,
        int rows,
        int outputs)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
        where TOutput : struct, IProductOutput
    {
        long output = TensorCopy.Map(2);
        int own = Group.IdxX & 127, stage = 0, parity = 0;
        uint boxes = memory + BlocksBytes + (uint)((group - 1) * 2 * BoxBytes);
        int ownRow = ((group - 1) * OwnRows) + ((own >> 5) * 16) + ((own & 31) >> 2);
        float upper = 0, lower = 0;
        long upperRow = 0, lowerRow = 0;
        var next = new float[BoxSums];
        for (int tile = Grid.IdxX; tile < tiles; tile += Grid.DimX)
        {
            int across = tile / rowTiles, row = (tile - (across * rowTiles)) * Rows, last = 0;
            if (TOutput.IsAdded)
            {
                // Before the products, which take longer.
                int upperPlace = Math.Min(row + ownRow, rows - 1), lowerPlace = Math.Min(row + ownRow + 8, rows - 1);
                upper = GateMath.Sigmoid(gate[(long)upperPlace * gateStride]);
                lower = GateMath.Sigmoid(gate[(long)lowerPlace * gateStride]);
                upperRow = (long)upperPlace * addStride;
                lowerRow = (long)lowerPlace * addStride;
                Ahead(next, add, upperRow, lowerRow, across * TTile.Columns, outputs);
            }

            for (int block = 0; block < blocks; block++)
            {
                AsyncBarrier.Wait(full + (uint)(stage * 8), parity);
                uint at = memory + (uint)(stage * StageBytes<TTile, TTerms>());
                long a = WarpGroup.Descriptor | ((at + (uint)((group - 1) * OwnRows * 128)) >> 4);
                long b = WarpGroup.Descriptor | ((at + (uint)(TTerms.Count * HalfTile)) >> 4);
                WarpGroup.Fence();
                Product<TTile>(a, b, block);
                if (TTerms.Count == 2)
                {
                    Product<TTile>(a + (HalfTile >> 4), b, 1);
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
                if (stage == stages)
                {
                    stage = 0;
                    parity ^= 1;
                }
            }

            WarpGroup.Wait(0);
            AsyncBarrier.ArriveFirst(empty + (uint)(last * 8), own);
            int column = across * TTile.Columns;
            for (int box = 0; box < TTile.Columns / (TOutput.IsBF16 ? 64 : 32); box++)
            {
                if (TOutput.IsAdded)
                {
                    for (int i = 0; i < BoxSums; i++)
                    {
                        Accumulators.Set((box * BoxSums) + i, Scalar.Fma((i & 2) == 0 ? upper : lower, Accumulators.Get((box * BoxSums) + i), next[i]));
                    }

                    // The next box's, while this one leaves.
                    Ahead(next, add, upperRow, lowerRow, column + ((box + 1) * 32), outputs);
                }

                Store<TTile, TOutput>(boxes, output, group, own, box, column, row + ((group - 1) * OwnRows));
            }
        }

        if (own == 0)
        {
            TensorCopy.WaitRead(0);
        }
    }

    private static void Product<TTile>(long a, long b, int accumulate) where TTile : struct, IProductTile
    {
        if (TTile.Columns == 256)
        {
            WarpGroup.Multiply256(a, b, accumulate);
        }
        else
        {
            WarpGroup.Multiply128(a, b, accumulate);
        }
    }

    // What is added to a thread's sums of a box of 32 columns, in their order; past the end what nobody stores.
    private static void Ahead(float[] next, ArrayView<float> add, long upperRow, long lowerRow, int column, int outputs)
    {
        for (int i = 0; i < BoxSums; i += 4)
        {
            int from = Math.Min(column + (i * 2) + ((Group.IdxX & 3) * 2), outputs - 2);
            long first = WideAccess.Load2(ref add[upperRow + from]), second = WideAccess.Load2(ref add[lowerRow + from]);
            next[i] = Interop.IntAsFloat((uint)first);
            next[i + 1] = Interop.IntAsFloat((uint)(first >> 32));
            next[i + 2] = Interop.IntAsFloat((uint)second);
            next[i + 3] = Interop.IntAsFloat((uint)(second >> 32));
        }
    }

    // Boxes of 64 rows of 128 bytes go through two places in turn: one is filled while the other is copied.
    private static void Store<TTile, TOutput>(uint boxes, long output, int group, int own, int box, int column, int row)
        where TTile : struct, IProductTile
        where TOutput : struct, IProductOutput
    {
        int lane = own & 31, firstRow = (own >> 5) * 16, columns = TOutput.IsBF16 ? 64 : 32;
        if (own == 0)
        {
            TensorCopy.WaitRead(1);
        }

        WarpGroup.Barrier(group);
        uint at = boxes + (uint)((box & 1) * BoxBytes);
        for (int i = 0; i < 4; i++)
        {
            if (TOutput.IsBF16)
            {
                Accumulators.StoreMatrix((box * 32) + (i * 8), at + TileLayout.BF16Place(firstRow, lane, i));
            }
            else
            {
                // A row and the eighth below it are swizzled alike.
                uint place = at + TileLayout.F32Place(firstRow, lane, i);
                Accumulators.Store2((box * BoxSums) + (i * 4), place);
                Accumulators.Store2((box * BoxSums) + (i * 4) + 2, place + 1024u);
            }
        }

        CudaShared.FenceForAsync();
        WarpGroup.Barrier(group);
        if (own == 0)
        {
            TensorCopy.Store(at, output, column + (box * columns), row);
        }
    }

    private static int StageBytes<TTile, TTerms>()
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms => (TTerms.Count * HalfTile) + (TTile.Columns == 256 ? 2 * HalfTile : HalfTile);
}
