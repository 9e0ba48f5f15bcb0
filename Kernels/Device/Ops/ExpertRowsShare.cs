namespace Lean.Kernels.Device;

/// <summary>
/// What a group of <see cref="ExpertRowsRing"/> works on, and where its shared memory has what: blocks of weights on their
/// way, parts of rows on theirs, the tiles, barriers. Work is cut into pieces of eight units of a tile, which are counted through and go from group to group in turn.
/// </summary>
public struct ExpertRowsShare
{
    /// <summary>Units of a piece, each a warp's.</summary>
    public const int Units = 8;

    /// <summary>A block along k.</summary>
    public const int Depth = 64;

    /// <summary>Eight rows of 128 bytes, which the copy engine swizzles alike; a unit has two such boxes.</summary>
    public const int Box = 8, BoxBytes = Box * Depth * 2, WeightBytes = Units * 2 * BoxBytes;

    /// <summary>Blocks of weights on their way.</summary>
    public const int Stages = 5;

    /// <summary>
    /// Rows come in parts of four blocks: the copy engine is asked less often. Three have room, of which two are on their way.
    /// </summary>
    public const int Parts = 3, PartBlocks = 4;

    /// <summary>Rows lie so far apart that eight lanes read all banks.</summary>
    public const int RowBytes = (PartBlocks * Depth * 4) + 16, EightBytes = 8 * RowBytes;

    /// <summary>
    /// Shared memory that a group asks for, with what is lost up to a multiple of 1,024. Two groups must not fit beside each other, however few rows a tile has
    /// (<see cref="ExpertRowsRing"/>).
    /// </summary>
    public const int SharedBytes = 200 << 10;

    /// <summary>Where shared memory begins, a multiple of 1,024.</summary>
    public uint Memory;

    /// <summary>Units of a tile.</summary>
    public int Each;

    /// <summary>Pieces of a tile, and of all tiles.</summary>
    public int Pieces, End;

    /// <summary>Rows, and the experts that each of them chose.</summary>
    public int RowCount, TopK;

    /// <summary>The first expert that is here, and how many are.</summary>
    public int FirstExpert, Experts;

    /// <summary>Rows of an expert besides, whose number is <see cref="Experts"/>: all or none.</summary>
    public int SharedRows;

    /// <summary>K.</summary>
    public int Inputs;

    /// <summary>Blocks along k, a multiple of four: slices are, and those beyond K add nothing.</summary>
    public int Blocks;

    /// <summary>Where shared memory begins.</summary>
    public static uint Base() => (CudaShared.Base() + 1023u) & ~1023u;

    /// <summary>Where the rows' parts lie.</summary>
    public static uint Rows(uint memory) => memory + (Stages * WeightBytes);

    /// <summary>Where the tiles are listed.</summary>
    public static uint TileList<TTile>(uint memory)
        where TTile : struct, IRowTile => Rows(memory) + (uint)(Parts * TTile.Rows * EightBytes);

    /// <summary>The barrier of a block of weights that has come.</summary>
    public static uint Full<TTile>(uint memory, int stage)
        where TTile : struct, IRowTile => TileList<TTile>(memory) + (uint)(ExpertRowsTiles.Bytes + (stage * 8));

    /// <summary>The barrier of a block that every lane of every warp has multiplied.</summary>
    public static uint Empty<TTile>(uint memory, int stage)
        where TTile : struct, IRowTile => Full<TTile>(memory, stage) + 64u;

    /// <summary>The barrier of a part of the rows that has come.</summary>
    public static uint Came<TTile>(uint memory, int part)
        where TTile : struct, IRowTile => Full<TTile>(memory, part) + 128u;

    /// <summary>Where <see cref="ExpertRowsChoice"/> has its own.</summary>
    public static uint Choice<TTile>(uint memory)
        where TTile : struct, IRowTile => Full<TTile>(memory, 0) + 192u;

    /// <summary>Makes the barriers; one of the group must follow.</summary>
    public static void Make<TTile>(uint memory)
        where TTile : struct, IRowTile
    {
        for (int i = 0; i < Stages; i++)
        {
            AsyncBarrier.Initialize(Full<TTile>(memory, i), 1);
            AsyncBarrier.Initialize(Empty<TTile>(memory, i), Units * 32);
        }

        for (int i = 0; i < Parts; i++)
        {
            AsyncBarrier.Initialize(Came<TTile>(memory, i), 1);
        }

        AsyncBarrier.FenceInitialized();
    }

    /// <summary>The piece of a number.</summary>
    public static ExpertRowsPiece Piece(ExpertRowsShare share, int number)
    {
        ExpertRowsPiece piece = default;
        piece.Tile = number / share.Pieces;
        piece.First = (number - (piece.Tile * share.Pieces)) * Units;
        piece.Count = Math.Min(Units, share.Each - piece.First);
        return piece;
    }
}
