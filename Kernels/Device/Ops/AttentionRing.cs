using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The ring of <see cref="AttentionPrompt"/>: keys and values of cell after cell go in turn to its places, counted from the
/// kernel's first. Each warp waits for what it needs alone, and says when it is done with a place, so that some multiply
/// while others weigh scores. Barriers lie behind the places. Keys lie [D, 64], rows of 128 bytes, values in tiles of 64
/// columns, [64, 64] each; chunks are swizzled within rows, as wgmma takes them.
/// <para>
/// Every lane says so for itself: that is as fast as one lane for its warp after a barrier of the warp's, or faster, and
/// racecheck does not follow what a lane read over that barrier to another lane's arrival.
/// </para>
/// </summary>
public static class AttentionRing
{
    /// <summary>Bytes from a tile of 64 columns of values to the next.</summary>
    public const int ValueTile = Cell * 128;

    /// <summary>Queries of both terms and three places, or of one and five.</summary>
    public const int Bytes = BarriersAt + 128;

    /// <summary>Bytes of a term of the queries.</summary>
    public const int QueryBytes = 64 << 10;

    private const int Cell = AttentionMath.Cell;
    private const int BarriersAt = (2 * QueryBytes) + (3 * AttentionCells.MostBytes);
    private const int Full = BarriersAt, Empty = BarriersAt + 64;

    /// <summary>Makes the barriers; one of the group must follow.</summary>
    /// <param name="memory">Shared memory, at a multiple of 1,024: queries, places, barriers.</param>
    public static void Make<TTerms>(uint memory)
        where TTerms : struct, IActivationTerms
    {
        if (Group.IdxX == 0)
        {
            for (int i = 0; i < Places<TTerms>(); i++)
            {
                AsyncBarrier.Initialize(memory + (uint)(Full + (i * 8)), AttentionCells.Threads);
                AsyncBarrier.Initialize(memory + (uint)(Empty + (i * 8)), AttentionCells.Threads);
            }
        }
    }

    /// <summary>Starts copying a cell's keys, when every thread is done with their place; chunks that nobody sees become zero.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="number">Which keys or values of the kernel's these are.</param>
    /// <param name="keys">The cache.</param>
    /// <param name="cell">Block · KvHeads + head.</param>
    /// <param name="visible">Positions of the cell that are seen, at least 1.</param>
    public static void BringKeys<TColumns, TTerms>(uint memory, int number, ArrayView<ushort> keys, long cell, int visible)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        AsyncBarrier.Wait(Barrier<TTerms>(memory + Empty, number), ((number / Places<TTerms>()) & 1) ^ 1);
        AttentionCells.BringKeys<TColumns>(Place<TColumns, TTerms>(memory, number), keys, cell, visible);
        CopyAsync.Arrive(Barrier<TTerms>(memory + Full, number));
    }

    /// <summary>Starts copying a cell's values likewise; positions that nobody sees become zero, since zero times what lies there may be NaN.</summary>
    public static void BringValues<TColumns, TTerms>(uint memory, int number, ArrayView<ushort> values, long cell, int visible)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        int across = TColumns.Columns / 8, thread = Group.IdxX, chunk = thread % across;
        long from = (cell * TColumns.Columns * Cell) + (thread * 8);
        AsyncBarrier.Wait(Barrier<TTerms>(memory + Empty, number), ((number / Places<TTerms>()) & 1) ^ 1);
        uint place = Place<TColumns, TTerms>(memory, number) + (uint)((chunk / 8) * ValueTile);
        for (int i = 0; i < TColumns.Columns * 8 / AttentionCells.Threads; i++)
        {
            int position = (i * (AttentionCells.Threads / across)) + (thread / across);
            CopyAsync.Sixteen(
                place + TileLayout.Wide(position, chunk & 7), ref values[from + (i * AttentionCells.Threads * 8)], position < visible ? 16 : 0);
        }

        CopyAsync.Arrive(Barrier<TTerms>(memory + Full, number));
    }

    /// <summary>Cells that are on their way beside the one whose scores are weighed.</summary>
    public static int Ahead<TTerms>()
        where TTerms : struct, IActivationTerms => TTerms.Count == 1 ? 2 : 1;

    /// <summary>Waits until keys or values have come, and says where they are, for wgmma.</summary>
    public static uint Take<TColumns, TTerms>(uint memory, int number)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        AsyncBarrier.Wait(Barrier<TTerms>(memory + Full, number), (number / Places<TTerms>()) & 1);
        CudaShared.FenceForAsync();
        return Place<TColumns, TTerms>(memory, number);
    }

    /// <summary>Says that this thread is done with keys or values.</summary>
    public static void Release<TTerms>(uint memory, int number)
        where TTerms : struct, IActivationTerms => AsyncBarrier.Arrive(Barrier<TTerms>(memory + Empty, number));

    private static int Places<TTerms>()
        where TTerms : struct, IActivationTerms => TTerms.Count == 1 ? 5 : 3;

    private static uint Place<TColumns, TTerms>(uint memory, int number)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms =>
        memory + (uint)((TTerms.Count * QueryBytes) + (number % Places<TTerms>() * AttentionCells.Bytes<TColumns>()));

    private static uint Barrier<TTerms>(uint barriers, int number)
        where TTerms : struct, IActivationTerms => barriers + (uint)(number % Places<TTerms>() * 8);
}
