using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The tiles of <see cref="ExpertRowsRing"/> in shared memory: rows that share an expert, eight or sixteen at a time, listed by each
/// group for itself from how many rows the experts have. Entries lie by expert, so a tile's places follow from the same.
/// </summary>
public static class ExpertRowsTiles
{
    /// <summary>The most tiles.</summary>
    public const int Most = 768;

    /// <summary>Their number; for each the first place, then the expert and its rows in one word.</summary>
    public const int Bytes = 16 + (Most * 8);

    private const int RowBits = 8;

    /// <summary>Lists them; one warp calls it, and a barrier must follow.</summary>
    /// <param name="tiles">Where to, a multiple of 16.</param>
    /// <param name="counts">Rows of each expert: that of a kernel before the one before may be read, too.</param>
    /// <param name="experts">E.</param>
    public static void List<TTile>(uint tiles, ArrayView<int> counts, int experts)
        where TTile : struct, IRowTile
    {
        int lane = Group.IdxX & 31, share = (experts + 31) / 32, begin = Math.Min(lane * share, experts), end = Math.Min(begin + share, experts);
        int own = 0, places = 0;
        for (int e = begin; e < end; e++)
        {
            int count = WideAccess.Fresh(ref counts[e]);
            places += count;
            own += Tiles<TTile>(count);
        }

        int throughTiles = Through(own, lane), throughPlaces = Through(places, lane), tile = throughTiles - own, place = throughPlaces - places;
        for (int e = begin; e < end; e++)
        {
            int count = WideAccess.Fresh(ref counts[e]);
            for (int first = 0; first < count; first += TTile.Rows * 8)
            {
                CudaShared.Store2(At(tiles, tile), (uint)(place + first), (uint)((e << RowBits) + Math.Min(count - first, TTile.Rows * 8)));
                tile++;
            }

            place += count;
        }

        if (lane == 31)
        {
            CudaShared.Store(tiles, (uint)throughTiles);
        }
    }

    /// <summary>How many there are.</summary>
    public static int Count(uint tiles) => (int)CudaShared.Load(tiles);

    /// <summary>A tile's first place.</summary>
    public static int Place(uint tiles, int tile) => (int)CudaShared.Load(At(tiles, tile));

    /// <summary>Its expert.</summary>
    public static int Expert(uint tiles, int tile) => (int)(CudaShared.Load(At(tiles, tile) + 4) >> RowBits);

    /// <summary>Its rows.</summary>
    public static int Rows(uint tiles, int tile) => (int)(CudaShared.Load(At(tiles, tile) + 4) & ((1u << RowBits) - 1u));

    private static uint At(uint tiles, int tile) => tiles + 16u + (uint)(tile * 8);

    private static int Tiles<TTile>(int rows)
        where TTile : struct, IRowTile => (rows + (TTile.Rows * 8) - 1) / (TTile.Rows * 8);

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
}
