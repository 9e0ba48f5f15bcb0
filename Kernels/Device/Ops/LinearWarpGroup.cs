using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear, prompt rows, on Hopper: output[t, n] = Σ_k x[t, k] · weight[n, k] with wgmma (<see cref="WarpGroupTiles"/>, which
/// has the order of an output's products). Groups stay on a multiprocessor and take tile after tile (<see cref="TileOrder"/>); the
/// copy engine brings blocks, and takes the sums away while the next tile is multiplied. What is beyond T, N or K reads as zero.
/// </summary>
public static class LinearWarpGroup
{
    /// <summary>Shared memory of a group.</summary>
    public const int SharedBytes = WarpGroupTiles.SharedBytes;

    private const int Rows = WarpGroupTiles.Rows;
    private const int Depth = WarpGroupTiles.Depth;
    private const int HalfTile = WarpGroupTiles.HalfTile;
    private const int OwnRows = WarpGroupTiles.OwnRows;
    private const int BoxSums = WarpGroupTiles.BoxSums;

    /// <summary>Multiplies.</summary>
    /// <param name="x">What <see cref="ActivationTerms"/> made: P is its terms times K rounded up to 64.</param>
    /// <param name="weight">bf16.</param>
    /// <param name="output">f32 or bf16.</param>
    /// <param name="rows">T.</param>
    /// <param name="packed">P.</param>
    /// <param name="outputs">N.</param>
    [Kernel("linear_warpgroup", WarpGroupTiles.Threads, groups: "*", Unroll = true)]
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
    [Kernel("linear_warpgroup_added", WarpGroupTiles.Threads, groups: "*", Unroll = true)]
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

    /// <summary>Multiplies, of one term, and rounds to bf16 but for the last outputs.</summary>
    /// <param name="x">As above.</param>
    /// <param name="weight">bf16.</param>
    /// <param name="output">bf16.</param>
    /// <param name="exact">f32: the outputs from <paramref name="rounded"/> on.</param>
    /// <param name="rows">T.</param>
    /// <param name="packed">P.</param>
    /// <param name="rounded">R, a multiple of 64.</param>
    /// <param name="outputs">N.</param>
    [Kernel("linear_warpgroup_mixed", WarpGroupTiles.Threads, groups: "*", Unroll = true)]
    [Cuda("sm_90a", SharedBytes = SharedBytes)]
    [Instance("wide", typeof(WideTile))]
    [Instance("narrow", typeof(NarrowTile))]
    public static void Mixed<TTile>(
        [Shape("T", "P"), Tile(Rows)] TensorMap<ushort> x,
        [Shape("N", "K"), Tile(Rows)] TensorMap<ushort> weight,
        [Shape("T", "R"), Tile(OwnRows)] TensorMap<ushort> output,
        [Shape("T", "E"), Tile(OwnRows)] TensorMap<float> exact,
        [Extent("T")] int rows,
        [Extent("P")] int packed,
        [Extent("R")] int rounded,
        [Extent("N")] int outputs)
        where TTile : struct, IProductTile
    {
        Work<TTile, SingleTerm, MixedOutput>(default, default, 0, 0, rows, packed, outputs, rounded);
    }

    private static void Work<TTile, TTerms, TOutput>(
        ArrayView<float> gate, ArrayView<float> add, int gateStride, int addStride, int rows, int packed, int outputs, int rounded = 0)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
        where TOutput : struct, IProductOutput
    {
        DependentLaunch.Allow();
        uint memory = WarpGroupTiles.Memory();
        int thread = Group.IdxX, group = Lanes.First(thread >> 7);
        int rowTiles = (rows + Rows - 1) / Rows, columnTiles = (outputs + TTile.Columns - 1) / TTile.Columns;
        int padded = packed / TTerms.Count;
        WarpGroupTiles.Start(memory, WarpGroupTiles.Stages<TTile, TTerms>());
        if (group == 0)
        {
            WarpGroup.ReleaseRegisters(40);
            if (thread == 0)
            {
                Bring<TTile, TTerms>(memory, rowTiles, columnTiles, padded);
            }
        }
        else
        {
            WarpGroup.TakeRegisters(232);
            DependentLaunch.Wait();
            Multiply<TTile, TTerms, TOutput>(memory, rowTiles, columnTiles, padded / Depth, group, gate, add, gateStride, addStride, rows, outputs, rounded);
        }
    }

    private static void Bring<TTile, TTerms>(uint memory, int rowTiles, int columnTiles, int padded)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
    {
        long x = TensorCopy.Map(0);
        int tiles = rowTiles * columnTiles, early = WarpGroupTiles.Early<TTile, TTerms>(tiles, padded);
        int first = TileOrder.Of<TTerms>(Grid.IdxX, rowTiles, columnTiles).Across * TTile.Columns;
        RingPlace place = default, ahead = default;
        place.Parity = ahead.Parity = 1;

        // Weights are nobody's output: they may come while the kernel before this one still runs.
        for (int block = 0; block < early; block++)
        {
            BringWeights<TTile, TTerms>(memory, ahead, block * Depth, first);
            ahead = RingPlace.Next(ahead, WarpGroupTiles.Stages<TTile, TTerms>());
        }

        DependentLaunch.Wait();
        for (int tile = Grid.IdxX; tile < tiles; tile += Grid.DimX)
        {
            TilePlace own = TileOrder.Of<TTerms>(tile, rowTiles, columnTiles);
            int row = own.Row * Rows, column = own.Across * TTile.Columns;
            for (int k = 0; k < padded; k += Depth)
            {
                if (early > 0)
                {
                    early--;
                }
                else
                {
                    BringWeights<TTile, TTerms>(memory, place, k, column);
                }

                WarpGroupTiles.BringRows<TTile, TTerms>(memory, place, x, row, k, padded);
                place = RingPlace.Next(place, WarpGroupTiles.Stages<TTile, TTerms>());
            }
        }
    }

    private static void BringWeights<TTile, TTerms>(uint memory, RingPlace place, int k, int column)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
    {
        uint at = WarpGroupTiles.Expect<TTile, TTerms>(memory, place), barrier = WarpGroupTiles.Full(memory, place.Stage);
        TensorCopy.Load(at, TensorCopy.Map(1), k, column, barrier);
        if (TTile.Columns == 256)
        {
            TensorCopy.Load(at + HalfTile, TensorCopy.Map(1), k, column + Rows, barrier);
        }
    }

    private static void Multiply<TTile, TTerms, TOutput>(
        uint memory,
        int rowTiles,
        int columnTiles,
        int blocks,
        int group,
        ArrayView<float> gate,
        ArrayView<float> add,
        int gateStride,
        int addStride,
        int rows,
        int outputs,
        int rounded)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
        where TOutput : struct, IProductOutput
    {
        long output = TensorCopy.Map(2);
        int own = Group.IdxX & 127, ownRow = ((group - 1) * OwnRows) + ((own >> 5) * 16) + ((own & 31) >> 2);
        RingPlace place = default;
        float upper = 0, lower = 0;
        long upperRow = 0, lowerRow = 0;
        var next = new float[BoxSums];
        for (int tile = Grid.IdxX; tile < rowTiles * columnTiles; tile += Grid.DimX)
        {
            TilePlace at = TileOrder.Of<TTerms>(tile, rowTiles, columnTiles);
            int row = at.Row * Rows, column = at.Across * TTile.Columns, columns = TOutput.IsBF16 ? 64 : 32;
            if (TOutput.IsAdded)
            {
                // Before the products, which take longer.
                int upperPlace = Math.Min(row + ownRow, rows - 1), lowerPlace = Math.Min(row + ownRow + 8, rows - 1);
                upper = GateMath.Sigmoid(gate[(long)upperPlace * gateStride]);
                lower = GateMath.Sigmoid(gate[(long)lowerPlace * gateStride]);
                upperRow = (long)upperPlace * addStride;
                lowerRow = (long)lowerPlace * addStride;
                Ahead(next, add, upperRow, lowerRow, column, outputs);
            }

            place = WarpGroupTiles.Multiply<TTile, TTerms>(memory, place, blocks, group);
            if (TOutput.IsMixed)
            {
                LeaveMixed<TTile>(memory, group, column, row + ((group - 1) * OwnRows), outputs, rounded);
            }
            else
            {
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

                    uint filled = WarpGroupTiles.Fill<TOutput>(memory, box, box, group);
                    if (own == 0)
                    {
                        TensorCopy.Store(filled, output, column + (box * columns), row + ((group - 1) * OwnRows));
                    }
                }
            }
        }

        if (own == 0)
        {
            TensorCopy.WaitRead(0);
        }
    }

    // Boxes of bf16 and, of outputs behind those, of f32.
    private static void LeaveMixed<TTile>(uint memory, int group, int column, int row, int outputs, int rounded)
        where TTile : struct, IProductTile
    {
        bool isFirst = (Group.IdxX & 127) == 0;
        for (int box = 0; box < TTile.Columns / 64; box++)
        {
            int from = column + (box * 64);
            if (from < rounded)
            {
                uint filled = WarpGroupTiles.Fill<BF16Output>(memory, box, box, group);
                if (isFirst)
                {
                    TensorCopy.Store(filled, TensorCopy.Map(2), from, row);
                }
            }
            else if (from < outputs)
            {
                LeaveExact(memory, box * 2, group, from - rounded, row, isFirst);
                LeaveExact(memory, (box * 2) + 1, group, from - rounded + 32, row, isFirst);
            }
        }
    }

    private static void LeaveExact(uint memory, int box, int group, int column, int row, bool isFirst)
    {
        // Boxes of both kinds share two places, and do not take turns.
        if (isFirst)
        {
            TensorCopy.WaitRead(0);
        }

        uint filled = WarpGroupTiles.Fill<F32Output>(memory, box, box, group);
        if (isFirst)
        {
            TensorCopy.Store(filled, TensorCopy.Map(3), column, row);
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
}
