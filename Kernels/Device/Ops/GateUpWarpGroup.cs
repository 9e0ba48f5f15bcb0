using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// The first half of gated_mlp, prompt rows, on Hopper: silu(x·gate_i) · (x·up_i) as the terms that down multiplies, in one launch,
/// with wgmma as <see cref="LinearWarpGroup"/> has it (<see cref="WarpGroupTiles"/>). Half a tile's outputs are gates, the others their ups,
/// which then lie in the same thread: sums never leave for memory. The bits are those of that kernel and of <see cref="ActivationTermsWide"/>'s.
/// </summary>
public static class GateUpWarpGroup
{
    /// <summary>Shared memory of a group.</summary>
    public const int SharedBytes = WarpGroupTiles.SharedBytes;

    private const int Rows = WarpGroupTiles.Rows;
    private const int Depth = WarpGroupTiles.Depth;
    private const int OwnTile = WarpGroupTiles.OwnTile;
    private const int OwnRows = WarpGroupTiles.OwnRows;
    private const int BoxBytes = WarpGroupTiles.BoxBytes;

    // Gates or ups of a box of weights, and columns of a box of terms: a thread has half as many of the latter.
    private const int Box = 64, BoxSums = Box / 2;

    /// <summary>Multiplies.</summary>
    /// <param name="x">What <see cref="ActivationTerms"/> made: P is its terms times K rounded up to 64.</param>
    /// <param name="gate">bf16.</param>
    /// <param name="up">bf16. The two may be halves of one matrix; each ends where it ends.</param>
    /// <param name="inner">Q is as many terms times I rounded up to 64: zeros follow behind I.</param>
    /// <param name="rows">T.</param>
    /// <param name="packed">P.</param>
    /// <param name="width">I.</param>
    /// <param name="innerPacked">Q.</param>
    [Kernel("gate_up_warpgroup", WarpGroupTiles.Threads, groups: "*", Unroll = true)]
    [Cuda("sm_90a", SharedBytes = SharedBytes)]
    [Instance("wide_split", typeof(WideTile), typeof(SplitTerms))]
    [Instance("narrow_split", typeof(NarrowTile), typeof(SplitTerms))]
    [Instance("wide_rounded", typeof(WideTile), typeof(SingleTerm))]
    [Instance("narrow_rounded", typeof(NarrowTile), typeof(SingleTerm))]
    public static void Run<TTile, TTerms>(
        [Shape("T", "P"), Tile(Rows)] TensorMap<ushort> x,
        [Shape("I", "K"), Tile(Box)] TensorMap<ushort> gate,
        [Shape("I", "K"), Tile(Box)] TensorMap<ushort> up,
        [Shape("T", "Q"), Tile(OwnRows)] TensorMap<ushort> inner,
        [Extent("T")] int rows,
        [Extent("P")] int packed,
        [Extent("I")] int width,
        [Extent("Q")] int innerPacked)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        uint memory = WarpGroupTiles.Memory();
        int thread = Group.IdxX, group = Lanes.First(thread >> 7), gates = TTile.Columns / 2;
        int rowTiles = (rows + Rows - 1) / Rows, columnTiles = (width + gates - 1) / gates, padded = packed / TTerms.Count;
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
            Multiply<TTile, TTerms>(memory, rowTiles, columnTiles, padded / Depth, group, width, innerPacked / TTerms.Count);
        }
    }

    private static void Bring<TTile, TTerms>(uint memory, int rowTiles, int columnTiles, int padded)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
    {
        long x = TensorCopy.Map(0);
        int tiles = rowTiles * columnTiles, early = WarpGroupTiles.Early<TTile, TTerms>(tiles, padded);
        int first = TileOrder.Of<TTerms>(Grid.IdxX, rowTiles, columnTiles).Across * TTile.Columns / 2;
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
            int row = own.Row * Rows, column = own.Across * TTile.Columns / 2;
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
        int boxes = TTile.Columns / (2 * Box);
        uint at = WarpGroupTiles.Expect<TTile, TTerms>(memory, place), barrier = WarpGroupTiles.Full(memory, place.Stage);
        for (int box = 0; box < boxes; box++)
        {
            TensorCopy.Load(at + (uint)(box * OwnTile), TensorCopy.Map(1), k, column + (box * Box), barrier);
            TensorCopy.Load(at + (uint)((boxes + box) * OwnTile), TensorCopy.Map(2), k, column + (box * Box), barrier);
        }
    }

    private static void Multiply<TTile, TTerms>(uint memory, int rowTiles, int columnTiles, int blocks, int group, int width, int half)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
    {
        int own = Group.IdxX & 127;
        long inner = TensorCopy.Map(3);
        RingPlace place = default;
        var words = new uint[TTerms.Count * BoxSums / 2];
        for (int tile = Grid.IdxX; tile < rowTiles * columnTiles; tile += Grid.DimX)
        {
            TilePlace at = TileOrder.Of<TTerms>(tile, rowTiles, columnTiles);
            int row = (at.Row * Rows) + ((group - 1) * OwnRows), column = at.Across * TTile.Columns / 2;
            place = WarpGroupTiles.Multiply<TTile, TTerms>(memory, place, blocks, group);
            for (int box = 0; box < TTile.Columns / (2 * Box); box++)
            {
                int first = column + (box * Box);
                Inner<TTerms>(words, box * BoxSums, TTile.Columns / 4, width - first);
                uint filled = Fill<TTerms>(memory, words, box, group);

                // The box behind the last of a term would be the next term's first.
                if (own == 0 && first < half)
                {
                    TensorCopy.Store(filled, inner, first, row);
                    if (TTerms.Count == 2)
                    {
                        TensorCopy.Store(filled + BoxBytes, inner, half + first, row);
                    }
                }
            }
        }

        if (own == 0)
        {
            TensorCopy.WaitRead(0);
        }
    }

    // Of eight columns at a time a thread has two, of a row and the one eight below, each pair in one word; behind the first term's words are the second's.
    // Sums stay as they are: the assembler would have products wait for who writes there.
    private static void Inner<TTerms>(uint[] words, int gate, int up, int columns)
        where TTerms : struct, IActivationTerms
    {
        for (int i = 0; i < BoxSums; i += 2)
        {
            int sum = gate + i, eight = i / 4 * 8;

            // I is a multiple of 8.
            float a = Select.IfLess(eight, columns, GateMath.Silu(Accumulators.Get(sum)) * Accumulators.Get(up + sum), 0f);
            float b = Select.IfLess(eight, columns, GateMath.Silu(Accumulators.Get(sum + 1)) * Accumulators.Get(up + sum + 1), 0f);
            uint pair = BF16.Pack(a, b);
            words[i / 2] = pair;
            if (TTerms.Count == 2)
            {
                words[(BoxSums + i) / 2] = SplitProducts.Rest(a, b, pair);
            }
        }
    }

    // Both terms of a box, in two places; boxes of one term take turns.
    private static uint Fill<TTerms>(uint memory, uint[] words, int box, int group)
        where TTerms : struct, IActivationTerms
    {
        int own = Group.IdxX & 127, lane = own & 31, firstRow = (own >> 5) * 16;
        uint at = memory + WarpGroupTiles.BlocksBytes + (uint)(((group - 1) * 2 * BoxBytes) + (TTerms.Count == 1 ? box * BoxBytes : 0));
        if (own == 0)
        {
            // The tile before has gone long ago; of one term nothing else lies in this place.
            TensorCopy.WaitRead(TTerms.Count == 1 ? box : 0);
        }

        WarpGroup.Barrier(group);
        for (int i = 0; i < TTerms.Count * 4; i++)
        {
            WarpMatrix.Store(
                at + (uint)(i / 4 * BoxBytes) + TileLayout.BF16Place(firstRow, lane, i & 3),
                new U4 { X = words[i * 4], Y = words[(i * 4) + 1], Z = words[(i * 4) + 2], W = words[(i * 4) + 3] });
        }

        CudaShared.FenceForAsync();
        WarpGroup.Barrier(group);
        return at;
    }
}
