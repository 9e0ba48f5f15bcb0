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

    // Experts of a lane.
    private const int Together = 8;

    /// <summary>Lists them; one warp calls it, and a barrier must follow.</summary>
    /// <param name="tiles">Where to, a multiple of 16.</param>
    /// <param name="counts">Rows of each expert: that of a kernel before the one before may be read, too.</param>
    /// <param name="experts">E.</param>
    public static void List<TTile>(uint tiles, ArrayView<int> counts, int experts)
        where TTile : struct, IRowTile
    {
        // A lane has neighbours, all of them on their way together.
        var own = new int[Together];
        int lane = Group.IdxX & 31, tile = 0, place = 0;
        for (int from = 0; from < experts; from += Together * 32)
        {
            int first = from + (lane * Together), number = 0, rows = 0;
            for (int i = 0; i < Together; i++)
            {
                own[i] = WideAccess.Fresh(ref counts[Math.Min(first + i, experts - 1)]);
            }

            for (int i = 0; i < Together; i++)
            {
                own[i] = first + i < experts ? own[i] : 0;
                number += Tiles<TTile>(own[i]);
                rows += own[i];
            }

            int tilesThrough = Through(number, lane), rowsThrough = Through(rows, lane), nextTile = tile + tilesThrough - number, nextPlace = place + rowsThrough - rows;
            for (int i = 0; i < Together; i++)
            {
                for (int begun = 0; begun < own[i]; begun += TTile.Rows * 8)
                {
                    CudaShared.Store2(At(tiles, nextTile), (uint)(nextPlace + begun), (uint)(((first + i) << RowBits) + Math.Min(own[i] - begun, TTile.Rows * 8)));
                    nextTile++;
                }

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

    private static int Last(int value) => (int)Interop.FloatAsInt(Lanes.From(Interop.IntAsFloat((uint)value), 31));
}
