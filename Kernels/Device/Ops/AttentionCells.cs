using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Cells of a paged cache, 64 positions of one key/value head, in shared memory as the matrix units read them. For generated rows
/// (prompts' are in <see cref="AttentionRing"/>): keys lie [D, 64] as in the cache, 16-byte chunks swizzled within rows, values
/// [64, D] likewise, and a ring of three places holds both in turn: while one is multiplied, two are on their way.
/// </summary>
public static class AttentionCells
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 256;

    /// <summary>Places of the ring.</summary>
    public const int Places = 3;

    /// <summary>Bytes of a place for heads of 256.</summary>
    public const int MostBytes = 256 * RowBytes;

    // Of a row of keys.
    private const int RowBytes = Cell * 2;
    private const int Cell = AttentionMath.Cell;
    private const int Eight = 8;
    private const int FirstRow = 0, Count = 1, FirstPosition = 2, Columns = 4;

    /// <summary>Bytes of a place: a cell's keys or values.</summary>
    public static int Bytes<TColumns>()
        where TColumns : struct, IColumnTile => TColumns.Columns * RowBytes;

    /// <summary>The place after one.</summary>
    public static int Next(int place) => place == Places - 1 ? 0 : place + 1;

    /// <summary>Starts copying a cell's keys; chunks that nobody sees become zero.</summary>
    /// <param name="shared">The place.</param>
    /// <param name="keys">The cache.</param>
    /// <param name="cell">Block · KvHeads + head.</param>
    /// <param name="visible">Positions of the cell that are seen, at least 1.</param>
    public static void BringKeys<TColumns>(uint shared, ArrayView<ushort> keys, long cell, int visible)
        where TColumns : struct, IColumnTile
    {
        int thread = Group.IdxX, chunk = thread % Eight;
        uint at = shared + TileLayout.Wide(thread / Eight, chunk);
        long from = (cell * TColumns.Columns * Cell) + (thread * Eight);
        int bytes = chunk * Eight < visible ? 16 : 0;
        for (int i = 0; i < TColumns.Columns * Eight / Threads; i++)
        {
            CopyAsync.Sixteen(at + (uint)(i * Threads / Eight * RowBytes), ref keys[from + (i * Threads * Eight)], bytes);
        }
    }

    /// <summary>Starts copying a cell's values; positions that nobody sees become zero, since zero times what lies there may be NaN.</summary>
    public static void BringValues<TColumns>(uint shared, ArrayView<ushort> values, long cell, int visible)
        where TColumns : struct, IColumnTile
    {
        int across = TColumns.Columns / Eight, thread = Group.IdxX;
        long from = (cell * TColumns.Columns * Cell) + (thread * Eight);
        for (int i = 0; i < TColumns.Columns * Eight / Threads; i++)
        {
            int position = (i * (Threads / across)) + (thread / across);
            CopyAsync.Sixteen(
                shared + ValuePlace<TColumns>(position, thread % across), ref values[from + (i * Threads * Eight)], position < visible ? 16 : 0);
        }
    }

    /// <summary>Bytes from a place to a chunk of a position's values.</summary>
    public static uint ValuePlace<TColumns>(int position, int chunk)
        where TColumns : struct, IColumnTile => (uint)((position * TColumns.Columns * 2) + ((chunk ^ (position & 7)) * 16));

    /// <summary>The segment that a row belongs to, or -1. Every lane of a warp asks for the same row.</summary>
    public static int Segment(ArrayView<int> segments, int sequences, int row)
    {
        uint found = 0;
        for (int i = Group.IdxX & 31; i < sequences; i += 32)
        {
            int first = segments[(i * Columns) + FirstRow];
            found = row >= first && row < first + segments[(i * Columns) + Count] ? (uint)(i + 1) : found;
        }

        return (int)Lanes.Maximum(found) - 1;
    }

    /// <summary>The first row of a segment.</summary>
    public static int First(ArrayView<int> segments, int segment) => segments[(segment * Columns) + FirstRow];

    /// <summary>How many rows a segment has.</summary>
    public static int Rows(ArrayView<int> segments, int segment) => segments[(segment * Columns) + Count];

    /// <summary>Where a segment begins in its sequence.</summary>
    public static int Position(ArrayView<int> segments, int segment) => segments[(segment * Columns) + FirstPosition];
}
