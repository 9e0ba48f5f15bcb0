using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The tiles of <see cref="ExpertRowsRing"/> in shared memory: rows that share an expert, eight or sixteen at a time, listed by each
/// group for itself from what the rows chose (<see cref="ExpertRowsChoice"/>). Entries lie by expert, so a tile's places follow from the same.
/// </summary>
public static class ExpertRowsTiles
{
    /// <summary>The most tiles.</summary>
    public const int Most = 768;

    /// <summary>Their number; for each the first place, then the expert and its rows in one word.</summary>
    public const int Bytes = 16 + (Most * 8);

    // A tile's second word: rows, the expert, and eights of the expert's rows before it.
    private const int RowBits = 8, ExpertBits = 12;

    // Experts of a lane.
    private const int Together = 8;

    /// <summary>
    /// Lists them, the shared expert's first, since groups that read weights from L2 leave memory to others, of which the end has none; its places are
    /// behind all others. One warp calls it, and a barrier must follow.
    /// </summary>
    /// <param name="share">The group's; <see cref="ExpertRowsChoice.Take"/> has been called.</param>
    public static void List<TTile>(ExpertRowsShare share)
        where TTile : struct, IRowTile
    {
        uint tiles = ExpertRowsShare.TileList<TTile>(share.Memory), choice = ExpertRowsShare.Choice<TTile>(share.Memory);

        // A lane has neighbours.
        var own = new int[Together];
        int lane = Group.IdxX & 31, tile = Tiles<TTile>(share.SharedRows), place = 0;
        _ = Add<TTile>(tiles, lane, 32, share.RowCount * share.TopK, share.Experts, lane * TTile.Rows * 8, share.SharedRows);
        for (int from = 0; from < share.Experts; from += Together * 32)
        {
            int first = from + (lane * Together), number = 0, rows = 0;
            ExpertRowsChoice.Count(own, choice, first, share);
            for (int i = 0; i < Together; i++)
            {
                own[i] = first + i < share.Experts ? own[i] : 0;
                number += Tiles<TTile>(own[i]);
                rows += own[i];
            }

            int tilesThrough = Through(number, lane), rowsThrough = Through(rows, lane), nextTile = tile + tilesThrough - number, nextPlace = place + rowsThrough - rows;
            for (int i = 0; i < Together; i++)
            {
                ExpertRowsChoice.Begin(choice, first + i, nextPlace);
                nextTile = Add<TTile>(tiles, nextTile, 1, nextPlace, first + i, 0, own[i]);
                nextPlace += own[i];
            }

            tile += Last(tilesThrough);
            place += Last(rowsThrough);
        }

        if (lane == 0)
        {
            CudaShared.Store(tiles, (uint)tile);
        }
    }

    /// <summary>How many there are.</summary>
    public static int Count(uint tiles) => (int)CudaShared.Load(tiles);

    /// <summary>A tile's first place.</summary>
    public static int Place(uint tiles, int tile) => (int)CudaShared.Load(At(tiles, tile));

    /// <summary>Its expert.</summary>
    public static int Expert(uint tiles, int tile) => (int)((CudaShared.Load(At(tiles, tile) + 4) >> RowBits) & ((1u << ExpertBits) - 1u));

    /// <summary>The expert's rows before it.</summary>
    public static int Before(uint tiles, int tile) => (int)(CudaShared.Load(At(tiles, tile) + 4) >> (RowBits + ExpertBits)) * 8;

    /// <summary>Its rows.</summary>
    public static int Rows(uint tiles, int tile) => (int)(CudaShared.Load(At(tiles, tile) + 4) & ((1u << RowBits) - 1u));

    /// <summary>Whether it has all rows of its expert, so that nobody else reads those weights; where they fill it others may follow, and it says no.</summary>
    public static bool IsAlone<TTile>(uint tiles, int tile)
        where TTile : struct, IRowTile => Rows(tiles, tile) < TTile.Rows * 8 && Before(tiles, tile) == 0;

    private static uint At(uint tiles, int tile) => tiles + 16u + (uint)(tile * 8);

    private static int Tiles<TTile>(int rows)
        where TTile : struct, IRowTile => (rows + (TTile.Rows * 8) - 1) / (TTile.Rows * 8);

    // An expert's tiles, from some of its rows on, every so many of them; the number behind the last one.
    private static int Add<TTile>(uint tiles, int tile, int step, int place, int expert, int begun, int rows)
        where TTile : struct, IRowTile
    {
        for (; begun < rows; begun += step * TTile.Rows * 8)
        {
            int word = (begun / 8 << (RowBits + ExpertBits)) + (expert << RowBits) + Math.Min(rows - begun, TTile.Rows * 8);
            CudaShared.Store2(At(tiles, tile), (uint)(place + begun), (uint)word);
            tile += step;
        }

        return tile;
    }

    // The sum of the lanes' numbers up to this one's.
    private static int Through(int value, int lane)
    {
        for (int step = 1; step < 32; step *= 2)
        {
            value += Below(value, lane, step);
        }

        return value;
    }

    // What the lane so many below has; its bits travel as those of a float.
    private static int Below(int value, int lane, int step)
    {
        int below = (int)Interop.FloatAsInt(Lanes.From(Interop.IntAsFloat((uint)value), (lane - step) & 31));
        return lane >= step ? below : 0;
    }

    private static int Last(int value) => (int)Interop.FloatAsInt(Lanes.From(Interop.IntAsFloat((uint)value), 31));
}
