namespace Lean.Kernels.Device;

/// <summary>
/// A group's share of the work of <see cref="ExpertRowsRing"/>, and where its shared memory has what: blocks of weights on their
/// way, parts of rows on theirs, the tiles, barriers. Units of all tiles are counted through, and a group has those from
/// <see cref="Begin"/> to <see cref="End"/>, up to eight of a tile at a time.
/// </summary>
public struct ExpertRowsShare
{
    /// <summary>Units at a time, each a warp's.</summary>
    public const int Units = 8;

    /// <summary>A block along k.</summary>
    public const int Depth = 64;

    /// <summary>Eight rows of 128 bytes, which the copy engine swizzles alike; a unit has two such boxes.</summary>
    public const int Box = 8, BoxBytes = Box * Depth * 2, WeightBytes = Units * 2 * BoxBytes;

    /// <summary>Rows come in parts of four blocks, of which two have room: the copy engine is asked less often.</summary>
    public const int Parts = 2, PartBlocks = 4;

    /// <summary>Rows lie so far apart that eight lanes read all banks.</summary>
    public const int RowBytes = (PartBlocks * Depth * 4) + 16, EightBytes = 8 * RowBytes;

    /// <summary>Shared memory of a group, up to a multiple of 1,024 counted: less than half of a multiprocessor's. Of tiles of sixteen rows, which take more than those of eight.</summary>
    public const int SharedBytes = ((MostStages - 1) * WeightBytes) + (2 * Parts * EightBytes) + ExpertRowsTiles.Bytes + BarrierBytes + 1024;

    private const int MostStages = 5;
    private const int BarrierBytes = 256;

    /// <summary>Where shared memory begins, a multiple of 1,024.</summary>
    public uint Memory;

    /// <summary>The first unit, and the one behind the last.</summary>
    public int Begin, End;

    /// <summary>Units of a tile.</summary>
    public int Each;

    /// <summary>K.</summary>
    public int Inputs;

    /// <summary>Blocks along k, a multiple of four: slices are, and those beyond K add nothing.</summary>
    public int Blocks;

    /// <summary>Blocks of weights on their way; rows of larger tiles leave room for less.</summary>
    public static int Stages<TTile>()
        where TTile : struct, IRowTile => TTile.Rows == 1 ? MostStages : MostStages - 1;

    /// <summary>Where shared memory begins.</summary>
    public static uint Base() => (CudaShared.Base() + 1023u) & ~1023u;

    /// <summary>Where the rows' parts lie.</summary>
    public static uint Rows<TTile>(uint memory)
        where TTile : struct, IRowTile => memory + (uint)(Stages<TTile>() * WeightBytes);

    /// <summary>Where the tiles are listed.</summary>
    public static uint Tiles<TTile>(uint memory)
        where TTile : struct, IRowTile => Rows<TTile>(memory) + (uint)(Parts * TTile.Rows * EightBytes);

    /// <summary>The barrier of a block of weights that has come.</summary>
    public static uint Full<TTile>(uint memory, int stage)
        where TTile : struct, IRowTile => Tiles<TTile>(memory) + (uint)(ExpertRowsTiles.Bytes + (stage * 8));

    /// <summary>The barrier of a block that every warp has multiplied.</summary>
    public static uint Empty<TTile>(uint memory, int stage)
        where TTile : struct, IRowTile => Full<TTile>(memory, stage) + 64u;

    /// <summary>The barrier of a part of the rows that has come.</summary>
    public static uint Came<TTile>(uint memory, int part)
        where TTile : struct, IRowTile => Full<TTile>(memory, part) + 128u;

    /// <summary>Makes the barriers; one of the group must follow.</summary>
    public static void Make<TTile>(uint memory)
        where TTile : struct, IRowTile
    {
        for (int i = 0; i < Stages<TTile>(); i++)
        {
            AsyncBarrier.Initialize(Full<TTile>(memory, i), 1);
            AsyncBarrier.Initialize(Empty<TTile>(memory, i), Units);
        }

        AsyncBarrier.Initialize(Came<TTile>(memory, 0), 1);
        AsyncBarrier.Initialize(Came<TTile>(memory, 1), 1);
        AsyncBarrier.FenceInitialized();
    }

    /// <summary>How many units are worked on at a time: of one tile.</summary>
    /// <param name="share">The group's.</param>
    /// <param name="unit">The first of them.</param>
    /// <param name="own">Its number in its tile.</param>
    public static int Count(ExpertRowsShare share, int unit, int own) => Math.Min(Math.Min(Units, share.Each - own), share.End - unit);
}
