using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear for more than eight generated rows, on Hopper: wgmma with the weights as the left side, from registers, which hold
/// the same share of a product as in <see cref="RowProducts"/>, and the rows' terms (<see cref="RowTermPieces"/>) in shared memory,
/// first and second ones side by side. The chains of products and the order of slices are those of <see cref="RowProducts"/>,
/// and wgmma adds up 16 products as mma.sync does, so the bits are those of the kernels for fewer rows.
/// <para>
/// Groups stay on a multiprocessor and take tile after tile; a thread of the first warp group has the copy engine bring blocks of
/// 64 along k, the other two multiply 64 outputs each by the same rows. A tile is 128 outputs of all slices, or, where outputs
/// are few or something is added to them, of one, which <see cref="LinearRowsJoin"/> then adds to the others. Of an MLP's first half
/// (<see cref="GateUpRowsWarpGroup"/>) it is up to 64 gates and the ups beside them.
/// </para>
/// </summary>
public static class LinearRowsWarpGroup
{
    /// <summary>Outputs of a tile.</summary>
    public const int Outputs = 128;

    /// <summary>Gates, or ups, that the copy engine brings at a time.</summary>
    public const int GateBox = 16;

    /// <summary>Blocks on their way, barriers, and up to a multiple of 1,024.</summary>
    public const int SharedBytes = RingBytes + BarrierBytes + 1024;

    /// <summary>Of a group.</summary>
    public const int Threads = 384;

    private const int Depth = 64;

    // Gates of a tile, with as many ups behind them, at most; they come in boxes.
    private const int Gates = Outputs / 2;
    private const int WeightBytes = Outputs * Depth * 2;
    private const int RingBytes = 216 << 10;
    private const int BarrierBytes = 256;
    private const int MostStages = 16;

    // Blocks of a slice that are asked for before the rows may be read: the kernel before this one ends only when all that is on its way has come.
    private const int EarlyBlocks = 4;

    // A piece is eight rows by 16 bytes; eight rows by 32 along k are four.
    private const int PieceBytes = 128;
    private const int EightBytes = 4 * PieceBytes;

    /// <summary>Multiplies: output[t, n] = Σ_k x[t, k] · weight[n, k].</summary>
    /// <param name="weight">bf16; K is a multiple of 8.</param>
    /// <param name="terms">What <see cref="RowTermPieces"/> made of whole tiles of rows.</param>
    /// <param name="output">f32 [T, N], or, where a tile is of one slice, a slice's [T, N] after the other.</param>
    /// <param name="outputs">N.</param>
    /// <param name="outputStride">Elements from a row to the next.</param>
    /// <param name="rows">T.</param>
    /// <param name="rowTiles">Tiles that share a range of outputs, each for its rows.</param>
    /// <param name="blocks">Blocks of 64 along k, a multiple of 4.</param>
    /// <param name="slices">Slices of k.</param>
    /// <param name="parts">1, or as many as slices: the tiles that share outputs and rows.</param>
    /// <param name="once">1 where L2 may forget weights first, else 0.</param>
    [Kernel("linear_rows_warpgroup", Threads, groups: "*", Unroll = true)]
    [Instance("sixteen", typeof(SixteenRows), typeof(SplitTerms))]
    [Instance("thirtytwo", typeof(ThirtyTwoRows), typeof(SplitTerms))]
    [Instance("sixtyfour", typeof(SixtyFourRows), typeof(SplitTerms))]
    [Instance("hundredtwentyeight", typeof(HundredTwentyEightRows), typeof(SplitTerms))]
    [Instance("sixteen_rounded", typeof(SixteenRows), typeof(SingleTerm))]
    [Instance("thirtytwo_rounded", typeof(ThirtyTwoRows), typeof(SingleTerm))]
    [Instance("sixtyfour_rounded", typeof(SixtyFourRows), typeof(SingleTerm))]
    [Instance("hundredtwentyeight_rounded", typeof(HundredTwentyEightRows), typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = SharedBytes)]
    public static void Run<TTile, TTerms>(
        [Shape("N", "K"), Tile(Outputs, Streamed = true)] TensorMap<ushort> weight,
        [Shape("B", "W")] ArrayView<ushort> terms,
        [Shape("S", "N")] ArrayView<float> output,
        [Extent("N")] int outputs,
        [RowStride("output")] int outputStride,
        int rows,
        int rowTiles,
        int blocks,
        int slices,
        int parts,
        int once)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        Run<TTile, TTerms, SingleLeft>(terms, output, default, outputs, Outputs, outputStride, rows, rowTiles, blocks, slices, parts, once != 0);
    }

    /// <summary>What all of its kernels do.</summary>
    /// <param name="terms">Those of the rows.</param>
    /// <param name="output">Where sums go.</param>
    /// <param name="pieces">Or what becomes of gates and ups.</param>
    /// <param name="outputs">N, or I.</param>
    /// <param name="own">Outputs of a tile, or its gates.</param>
    /// <param name="outputStride">Elements from a row to the next.</param>
    /// <param name="rows">T.</param>
    /// <param name="rowTiles">Tiles that share a range of outputs, each for its rows.</param>
    /// <param name="blocks">Blocks of 64 along k.</param>
    /// <param name="slices">Slices of k.</param>
    /// <param name="parts">1, or as many as slices.</param>
    /// <param name="isOnce">Whether L2 may forget weights first.</param>
    internal static void Run<TTile, TTerms, TLeft>(
        ArrayView<ushort> terms,
        ArrayView<float> output,
        ArrayView<int> pieces,
        int outputs,
        int own,
        int outputStride,
        int rows,
        int rowTiles,
        int blocks,
        int slices,
        int parts,
        bool isOnce)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
        where TLeft : struct, IRowLeft
    {
        int stages = Math.Min(RingBytes / StageBytes<TTile, TTerms>(), MostStages), group = Lanes.First(Group.IdxX >> 7);
        uint memory = (CudaShared.Base() + 1023u) & ~1023u, full = memory + RingBytes, empty = full + (MostStages * 8);
        int tiles = (outputs + own - 1) / own * rowTiles * parts, share = (blocks + (slices * 4) - 1) / (slices * 4) * 4;
        if (Group.IdxX == 0)
        {
            for (int i = 0; i < stages; i++)
            {
                AsyncBarrier.Initialize(full + (uint)(i * 8), 1);
                AsyncBarrier.Initialize(empty + (uint)(i * 8), 8);
            }

            AsyncBarrier.FenceInitialized();
        }

        Group.Barrier();
        if (group == 0)
        {
            WarpGroup.ReleaseRegisters(24);
            if (Group.IdxX == 0)
            {
                Bring<TTile, TTerms, TLeft>(memory, full, empty, stages, terms, own, tiles, rowTiles, blocks, slices, share, parts, isOnce);
            }
        }
        else
        {
            WarpGroup.TakeRegisters(240);
            DependentLaunch.Wait();
            Multiply<TTile, TTerms, TLeft>(memory, full, empty, stages, output, pieces, outputs, own, outputStride, rows, tiles, rowTiles, blocks, slices, share, parts);
        }
    }

    // A thread keeps the ring full; the last blocks may have been brought before their tile is multiplied.
    private static void Bring<TTile, TTerms, TLeft>(
        uint memory, uint full, uint empty, int stages, ArrayView<ushort> terms, int own, int tiles, int rowTiles, int blocks, int slices, int share, int parts, bool isOnce)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
        where TLeft : struct, IRowLeft
    {
        int first = Begin(Grid.IdxX, blocks, slices, share, parts);
        int early = Math.Min(End(Grid.IdxX, blocks, slices, share, parts) - first, parts == 1 ? stages : Math.Min(stages, EarlyBlocks)), column = Grid.IdxX / parts / rowTiles * own;

        // Weights are nobody's output: they may come while the kernel before this one still runs.
        for (int i = 0; i < early; i++)
        {
            BringWeights<TTile, TTerms, TLeft>(memory + (uint)(i * StageBytes<TTile, TTerms>()), full + (uint)(i * 8), first + i, column, own, isOnce);
        }

        DependentLaunch.Wait();
        int stage = 0, parity = 1;
        for (int tile = Grid.IdxX; tile < tiles; tile += Grid.DimX)
        {
            int place = tile / parts, end = End(tile, blocks, slices, share, parts);
            column = place / rowTiles * own;
            for (int block = Begin(tile, blocks, slices, share, parts); block < end; block++)
            {
                uint at = memory + (uint)(stage * StageBytes<TTile, TTerms>()), barrier = full + (uint)(stage * 8);
                if (early > 0)
                {
                    early--;
                }
                else
                {
                    AsyncBarrier.Wait(empty + (uint)(stage * 8), parity);
                    BringWeights<TTile, TTerms, TLeft>(at, barrier, block, column, own, isOnce);
                }

                long from = (((long)(place % rowTiles) * blocks) + block) * (TermBytes<TTile, TTerms>() / 2);
                TensorCopy.LoadRun(at + WeightBytes, ref terms[from], TermBytes<TTile, TTerms>(), barrier);
                stage++;
                if (stage == stages)
                {
                    stage = 0;
                    parity ^= 1;
                }
            }
        }
    }

    // A stage's weights; its terms come behind them.
    private static void BringWeights<TTile, TTerms, TLeft>(uint at, uint barrier, int block, int column, int own, bool isOnce)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
        where TLeft : struct, IRowLeft
    {
        if (TLeft.AreGated)
        {
            AsyncBarrier.ArriveExpecting(barrier, (own * 2 * Depth * 2) + TermBytes<TTile, TTerms>());
            for (int n = 0; n < own; n += GateBox)
            {
                WeightCopy.Load(at + (uint)(n * Depth * 2), TensorCopy.Map(0), block * Depth, column + n, barrier, isOnce);
                WeightCopy.Load(at + (uint)((Gates + n) * Depth * 2), TensorCopy.Map(1), block * Depth, column + n, barrier, isOnce);
            }
        }
        else
        {
            AsyncBarrier.ArriveExpecting(barrier, StageBytes<TTile, TTerms>());
            WeightCopy.Load(at, TensorCopy.Map(0), block * Depth, column, barrier, isOnce);
        }
    }

    private static void Multiply<TTile, TTerms, TLeft>(
        uint memory,
        uint full,
        uint empty,
        int stages,
        ArrayView<float> output,
        ArrayView<int> pieces,
        int outputs,
        int own,
        int outputStride,
        int rows,
        int tiles,
        int rowTiles,
        int blocks,
        int slices,
        int share,
        int parts)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
        where TLeft : struct, IRowLeft
    {
        int lane = Group.IdxX & 31, ownOutput = (((Group.IdxX >> 5) - 4) * (TLeft.AreGated ? 8 : 16)) + (lane >> 2), stage = 0, parity = 0, last = 0;

        // Within a line of 128 bytes chunks are swizzled, lines eight apart alike. Lanes of odd rows take the second 32 along k
        // first: eight lanes then read all banks.
        uint odd = (lane & 4) == 0 ? 0u : ~0u, other = TLeft.AreGated ? Gates * Depth * 2u : 1024u;
        uint place = (uint)((ownOutput * 128) + (((lane & 7) ^ (lane >> 2)) * 16));
        for (int tile = Grid.IdxX; tile < tiles; tile += Grid.DimX)
        {
            int firstSlice = parts == 1 ? 0 : tile % parts, endSlice = parts == 1 ? slices : firstSlice + 1;
            for (int slice = firstSlice; slice < endSlice; slice++)
            {
                int count = Math.Min((slice + 1) * share, blocks) - Math.Min(slice * share, blocks);
                for (int block = 0; block < count; block += 2)
                {
                    // Two, so that what one's products read stays while the other's is loaded.
                    for (int half = 0; half < 2; half++)
                    {
                        AsyncBarrier.Wait(full + (uint)(stage * 8), parity);
                        uint at = memory + (uint)(stage * StageBytes<TTile, TTerms>()), from = at + place;
                        U4 upper = WideAccess.LoadShared(from), upperMore = WideAccess.LoadShared(from ^ 64u);
                        U4 lower = WideAccess.LoadShared(from + other), lowerMore = WideAccess.LoadShared((from + other) ^ 64u);
                        var first = new U4 { X = Pick(odd, upper.X, upperMore.X), Y = Pick(odd, lower.X, lowerMore.X), Z = Pick(odd, upper.Y, upperMore.Y), W = Pick(odd, lower.Y, lowerMore.Y) };
                        var second = new U4 { X = Pick(odd, upper.Z, upperMore.Z), Y = Pick(odd, lower.Z, lowerMore.Z), Z = Pick(odd, upper.W, upperMore.W), W = Pick(odd, lower.W, lowerMore.W) };
                        var third = new U4 { X = Pick(odd, upperMore.X, upper.X), Y = Pick(odd, lowerMore.X, lower.X), Z = Pick(odd, upperMore.Y, upper.Y), W = Pick(odd, lowerMore.Y, lower.Y) };
                        var fourth = new U4 { X = Pick(odd, upperMore.Z, upper.Z), Y = Pick(odd, lowerMore.Z, lower.Z), Z = Pick(odd, upperMore.W, upper.W), W = Pick(odd, lowerMore.W, lower.W) };
                        long b = WarpGroup.Pieces(PieceBytes, EightBytes) | ((at + WeightBytes) >> 4);
                        WarpGroup.Fence();
                        Product<TTile, TTerms>(first, b, block + half);
                        Product<TTile, TTerms>(second, b + (2 * PieceBytes >> 4), 1);
                        Product<TTile, TTerms>(third, b + (TermBytes<TTile, TTerms>() / 2 >> 4), 1);
                        Product<TTile, TTerms>(fourth, b + ((TermBytes<TTile, TTerms>() / 2) + (2 * PieceBytes) >> 4), 1);
                        WarpGroup.Commit();
                        if (IsPatient<TTile, TTerms>())
                        {
                            WarpGroup.Wait(0);
                            AsyncBarrier.ArriveFirst(empty + (uint)(stage * 8), lane);
                        }
                        else
                        {
                            // The block before is done with: its products are when at most these are under way.
                            WarpGroup.Wait(1);
                            if (block + half > 0)
                            {
                                AsyncBarrier.ArriveFirst(empty + (uint)(last * 8), lane);
                            }
                        }

                        last = stage;
                        stage++;
                        if (stage == stages)
                        {
                            stage = 0;
                            parity ^= 1;
                        }
                    }
                }

                if (!IsPatient<TTile, TTerms>())
                {
                    WarpGroup.Wait(0);
                    if (count > 0)
                    {
                        AsyncBarrier.ArriveFirst(empty + (uint)(last * 8), lane);
                    }
                }

                for (int i = 0; i < TTile.Rows * 4; i++)
                {
                    float sum = TTerms.Count == 2 ? Accumulators.Get(i) + Accumulators.Get(i + (TTile.Rows * 4)) : Accumulators.Get(i);

                    // Sums that begin with a zero, as the other kernels' do, are never -0. An ordinary + 0 would be left out.
                    float part = count > 0 ? Scalar.Add(sum, 0f) : 0f;
                    Accumulators.Set(Total<TTile, TTerms>() + i, slice == firstSlice ? part : Accumulators.Get(Total<TTile, TTerms>() + i) + part);
                }
            }

            var total = new float[TTile.Rows * 4];
            for (int i = 0; i < TTile.Rows * 4; i++)
            {
                total[i] = Accumulators.Get(Total<TTile, TTerms>() + i);
            }

            int tilePlace = tile / parts, n = (tilePlace / rowTiles * own) + ownOutput;
            int t = (tilePlace % rowTiles * TTile.Rows * 8) + ((lane & 3) * 2);
            if (TLeft.AreGated)
            {
                LinearRowsTile.Leave<TTile, TTerms>(pieces, total, outputs, n, t, ownOutput < own && n < outputs);
            }
            else
            {
                long to = ((((long)firstSlice * rows) + t) * outputStride) + n;
                if (rows - (tilePlace % rowTiles * TTile.Rows * 8) >= TTile.Rows * 8 && outputs - (tilePlace / rowTiles * own) >= Outputs)
                {
                    LinearRowsTile.StoreWhole<TTile>(output, total, to, outputStride);
                }
                else
                {
                    LinearRowsTile.Store<TTile>(output, total, to, outputStride, rows - t, outputs - n);
                }
            }
        }
    }

    private static void Product<TTile, TTerms>(U4 a, long b, int accumulate)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms => WarpGroup.Multiply(0, TTile.Rows * TTerms.Count * 8, a, b, 0, accumulate);

    private static uint Pick(uint odd, uint even, uint other) => (even & ~odd) | (other & odd);

    // The blocks of a tile: of all slices, or of its own.
    private static int Begin(int tile, int blocks, int slices, int share, int parts) => parts == 1 ? 0 : Math.Min(tile % parts * share, blocks);

    private static int End(int tile, int blocks, int slices, int share, int parts) => parts == 1 ? blocks : Math.Min(((tile % parts) + 1) * share, blocks);

    // Whether there are no registers for the weights of a second block.
    private static bool IsPatient<TTile, TTerms>()
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms => TTile.Rows * TTerms.Count == 32;

    // The first sum of all slices, which are in named registers too, behind those of one: an array that the loops carry on is spilled in tiles of 128 rows.
    private static int Total<TTile, TTerms>()
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms => TTile.Rows * TTerms.Count * 4;

    private static int TermBytes<TTile, TTerms>()
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms => 2 * TTile.Rows * TTerms.Count * EightBytes;

    private static int StageBytes<TTile, TTerms>()
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms => WeightBytes + TermBytes<TTile, TTerms>();
}
