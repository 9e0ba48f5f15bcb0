using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear, prompt rows, on Hopper, for weights of few outputs: <see cref="LinearWarpGroup"/> with rows that come as f32 and
/// become terms on the way, so no kernel has to make them before. The copy engine brings blocks of rows and of weights; four
/// warps round the rows into two tiles of terms, eight multiply. An output is the same chain of the same products, to the bit.
/// </summary>
public static class LinearWarpGroupDirect
{
    private const int Threads = 384;
    private const int Rows = LinearWarpGroup.Rows;
    private const int Depth = 64;
    private const int HalfTile = Rows * Depth * 2;

    // Two boxes of 32 f32 columns, and what is multiplied: both terms and the weights.
    private const int RawStages = 3;
    private const int RawBytes = 2 * HalfTile;
    private const int Stages = 2;
    private const int StageBytes = 3 * HalfTile;
    private const int BoxesAt = (RawStages * RawBytes) + (Stages * StageBytes);
    private const int StagesAt = RawStages * RawBytes;
    private const int BarriersAt = BoxesAt + LinearWarpGroup.OutputBytes;
    private const int SharedBytes = BarriersAt + 128 + 1024;
    private const int OwnRows = 64;
    private const int RoundingBarrier = 3;
    private const int Rounding = 128;

    /// <summary>Multiplies.</summary>
    /// <param name="x">f32.</param>
    /// <param name="weight">bf16.</param>
    /// <param name="output">f32.</param>
    /// <param name="rows">T.</param>
    /// <param name="inputs">K.</param>
    /// <param name="outputs">N.</param>
    [Kernel("linear_warpgroup_direct", Threads, groups: "*", Unroll = true)]
    [Cuda("sm_90a", SharedBytes = SharedBytes)]
    [Instance("narrow", typeof(NarrowTile))]
    [Instance("slim", typeof(SlimTile))]
    public static void Run<TTile>(
        [Shape("T", "K"), Tile(Rows)] TensorMap<float> x,
        [Shape("N", "K"), Tile(Rows)] TensorMap<ushort> weight,
        [Shape("T", "N"), Tile(OwnRows)] TensorMap<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("N")] int outputs)
        where TTile : struct, IProductTile
    {
        int thread = Group.IdxX, group = Lanes.First(thread >> 7);
        uint memory = (CudaShared.Base() + 1023u) & ~1023u, raw = memory + BarriersAt, full = raw + 32u, empty = raw + 64u;
        int rowTiles = (rows + Rows - 1) / Rows, tiles = rowTiles * ((outputs + TTile.Columns - 1) / TTile.Columns), blocks = (inputs + Depth - 1) / Depth;
        if (thread == 0)
        {
            for (int i = 0; i < RawStages; i++)
            {
                AsyncBarrier.Initialize(raw + (uint)(i * 8), 1);
            }

            // The weights' bytes, and everyone who rounds.
            for (int i = 0; i < Stages; i++)
            {
                AsyncBarrier.Initialize(full + (uint)(i * 8), 1 + Rounding);
                AsyncBarrier.Initialize(empty + (uint)(i * 8), 2);
            }

            AsyncBarrier.FenceInitialized();
        }

        Group.Barrier();
        if (group == 0)
        {
            Round<TTile>(memory, raw, full, empty, rowTiles, tiles, blocks);
        }
        else
        {
            LinearWarpGroup.Multiply<TTile, SplitTerms, F32Output>(
                memory + StagesAt, memory + BoxesAt, full, empty, Stages, rowTiles, tiles, blocks, group);
        }
    }

    private static void Round<TTile>(uint memory, uint raw, uint full, uint empty, int rowTiles, int tiles, int blocks)
        where TTile : struct, IProductTile
    {
        int thread = Group.IdxX, own = tiles > Grid.IdxX ? (tiles - Grid.IdxX + Grid.DimX - 1) / Grid.DimX : 0, total = own * blocks;
        if (thread == 0)
        {
            for (int i = 0; i < Math.Min(RawStages, total); i++)
            {
                BringRows(memory, raw, i, rowTiles, blocks, i);
            }
        }

        int rawStage = 0, rawParity = 0, stage = 0, parity = 1;
        for (int i = 0; i < total; i++)
        {
            uint at = memory + StagesAt + (uint)(stage * StageBytes), rows = memory + (uint)(rawStage * RawBytes);
            AsyncBarrier.Wait(empty + (uint)(stage * 8), parity);
            if (thread == 0)
            {
                int tile = Grid.IdxX + (i / blocks * Grid.DimX), k = i % blocks * Depth;
                AsyncBarrier.ArriveExpecting(full + (uint)(stage * 8), HalfTile);
                TensorCopy.Load(at + (2 * HalfTile), TensorCopy.Map(1), k, tile / rowTiles * TTile.Columns, full + (uint)(stage * 8));
            }

            AsyncBarrier.Wait(raw + (uint)(rawStage * 8), rawParity);
            Convert(rows, at);
            CudaShared.FenceForAsync();
            AsyncBarrier.Arrive(full + (uint)(stage * 8));
            WarpGroup.Barrier(RoundingBarrier);
            if (thread == 0 && i + RawStages < total)
            {
                BringRows(memory, raw, i + RawStages, rowTiles, blocks, rawStage);
            }

            rawStage++;
            if (rawStage == RawStages)
            {
                rawStage = 0;
                rawParity ^= 1;
            }

            stage++;
            if (stage == Stages)
            {
                stage = 0;
                parity ^= 1;
            }
        }
    }

    private static void BringRows(uint memory, uint raw, int i, int rowTiles, int blocks, int stage)
    {
        int tile = Grid.IdxX + (i / blocks * Grid.DimX), k = i % blocks * Depth, row = tile % rowTiles * Rows;
        uint barrier = raw + (uint)(stage * 8), at = memory + (uint)(stage * RawBytes);
        AsyncBarrier.ArriveExpecting(barrier, RawBytes);
        TensorCopy.Load(at, TensorCopy.Map(0), k, row, barrier);
        TensorCopy.Load(at + HalfTile, TensorCopy.Map(0), k + (Depth / 2), row, barrier);
    }

    // Eight numbers at a time: eight lanes have eight rows' chunks of one column, which lie in different banks.
    private static void Convert(uint rows, uint terms)
    {
        int thread = Group.IdxX, chunk = (thread >> 3) & 7;
        uint box = rows + (uint)((chunk >> 2) * HalfTile);
        for (int part = 0; part < 2; part++)
        {
            var x = new U4[8];
            for (int i = 0; i < 4; i++)
            {
                int row = Row(thread, (part * 4) + i);
                x[i * 2] = SharedWords.Load4(box + TileLayout.Wide(row, (chunk & 3) * 2));
                x[(i * 2) + 1] = SharedWords.Load4(box + TileLayout.Wide(row, ((chunk & 3) * 2) + 1));
            }

            for (int i = 0; i < 4; i++)
            {
                uint place = terms + TileLayout.Wide(Row(thread, (part * 4) + i), chunk);
                U4 front = Split(x[i * 2]), back = Split(x[(i * 2) + 1]);
                SharedWords.Store4(place, Join(front.X, front.Y, back.X, back.Y));
                SharedWords.Store4(place + HalfTile, Join(front.Z, front.W, back.Z, back.W));
            }
        }
    }

    private static int Row(int thread, int i) => (((thread >> 6) + (i * 2)) * 8) + (thread & 7);

    private static U4 Split(U4 x) =>
        SplitProducts.Pairs(Interop.IntAsFloat(x.X), Interop.IntAsFloat(x.Y), Interop.IntAsFloat(x.Z), Interop.IntAsFloat(x.W));

    private static U4 Join(uint x, uint y, uint z, uint w)
    {
        var words = default(U4);
        words.X = x;
        words.Y = y;
        words.Z = z;
        words.W = w;
        return words;
    }
}
