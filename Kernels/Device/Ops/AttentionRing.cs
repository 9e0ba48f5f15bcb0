using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The ring of <see cref="AttentionPrompt"/>: a warp has the copy engine bring keys and values of cell after cell to its places, in
/// the order in which they are multiplied, and each warp group says when it is done with a place. Keys lie [D, 64], rows of 128
/// bytes, values in tiles of 64 columns, [64, 64] each; chunks are swizzled within rows, as wgmma takes them. Barriers lie
/// behind the places.
/// </summary>
public static class AttentionRing
{
    /// <summary>Rows of a copy of the copy engine's: 64 of d, or 64 positions.</summary>
    public const int Rows = 64;

    /// <summary>Bytes of one.</summary>
    public const int TileBytes = Rows * 128;

    /// <summary>Queries of both terms and three places, or of one and five.</summary>
    public const int Bytes = BarriersAt + 128;

    private const int Cell = AttentionMath.Cell;
    private const int BarriersAt = (2 * AttentionQueries.TermBytes) + (3 * AttentionCells.MostBytes);

    // Of up to five places each, and the bringing warp's own.
    private const int FullAt = BarriersAt, EmptyAt = BarriersAt + 40, OwnAt = BarriersAt + 80;

    /// <summary>Makes the barriers; one of the group must follow.</summary>
    /// <param name="memory">Shared memory, at a multiple of 1,024: queries, places, barriers.</param>
    public static void Make<TTerms>(uint memory)
        where TTerms : struct, IActivationTerms
    {
        if (Group.IdxX == 0)
        {
            for (int i = 0; i < Places<TTerms>(); i++)
            {
                AsyncBarrier.Initialize(Full(memory, i), 32);
                AsyncBarrier.Initialize(Empty(memory, i), 2);
            }

            AsyncBarrier.Initialize(memory + OwnAt, 32);
            AsyncBarrier.FenceInitialized();
        }
    }

    /// <summary>Has a cell's keys brought, when both warp groups are done with their place; a whole warp calls it.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="place">Where to.</param>
    /// <param name="map">Of the cache, [B · KvHeads · D, 64].</param>
    /// <param name="cell">Block · KvHeads + head.</param>
    public static void BringKeys<TColumns, TTerms>(uint memory, RingPlace place, long map, int cell)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        AsyncBarrier.Wait(Empty(memory, place.Stage), place.Parity ^ 1);
        uint full = Full(memory, place.Stage), at = At<TColumns, TTerms>(memory, place.Stage);
        if ((Group.IdxX & 31) == 0)
        {
            AsyncBarrier.ArriveExpecting(full, AttentionCells.Bytes<TColumns>());
            for (int i = 0; i < TColumns.Columns / Rows; i++)
            {
                TensorCopy.Load(at + (uint)(i * TileBytes), map, 0, (cell * TColumns.Columns) + (i * Rows), full);
            }
        }
        else
        {
            AsyncBarrier.Arrive(full);
        }
    }

    /// <summary>Has a cell's values brought likewise.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="place">Where to.</param>
    /// <param name="map">Of the cache, [B · KvHeads · 64, D].</param>
    /// <param name="cell">Block · KvHeads + head.</param>
    public static void BringValues<TColumns, TTerms>(uint memory, RingPlace place, long map, int cell)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        AsyncBarrier.Wait(Empty(memory, place.Stage), place.Parity ^ 1);
        Values<TColumns>(At<TColumns, TTerms>(memory, place.Stage), map, cell, Full(memory, place.Stage));
    }

    /// <summary>Likewise of a cell that is not all seen; the others become zero, since zero times what lies there may be NaN.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="place">Where to.</param>
    /// <param name="map">Of the cache.</param>
    /// <param name="cell">Block · KvHeads + head.</param>
    /// <param name="visible">Positions of the cell that are seen.</param>
    /// <param name="parity">0, 1, 0, … from one such cell to the next.</param>
    public static void BringSeen<TColumns, TTerms>(uint memory, RingPlace place, long map, int cell, int visible, int parity)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        AsyncBarrier.Wait(Empty(memory, place.Stage), place.Parity ^ 1);
        uint come = memory + OwnAt, at = At<TColumns, TTerms>(memory, place.Stage);
        Values<TColumns>(at, map, cell, come);
        AsyncBarrier.Wait(come, parity);
        for (int chunk = (visible * 8) + (Group.IdxX & 31); chunk < Cell * 8; chunk += 32)
        {
            for (int i = 0; i < TColumns.Columns / Rows; i++)
            {
                CudaShared.Store4(at + (uint)((i * TileBytes) + (chunk * 16)), default);
            }
        }

        CudaShared.FenceForAsync();
        AsyncBarrier.Arrive(Full(memory, place.Stage));
    }

    /// <summary>Waits until keys or values have come, and says where they are, for wgmma.</summary>
    public static uint Take<TColumns, TTerms>(uint memory, RingPlace place)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        AsyncBarrier.Wait(Full(memory, place.Stage), place.Parity);
        return At<TColumns, TTerms>(memory, place.Stage);
    }

    /// <summary>Says that this warp group is done with keys or values.</summary>
    public static void Release(uint memory, int stage) => AsyncBarrier.ArriveFirst(Empty(memory, stage), Group.IdxX & 127);

    /// <summary>The place behind.</summary>
    public static RingPlace Next<TTerms>(RingPlace place)
        where TTerms : struct, IActivationTerms => RingPlace.Next(place, Places<TTerms>());

    // Every lane of the warp arrives for itself.
    private static void Values<TColumns>(uint shared, long map, int cell, uint barrier)
        where TColumns : struct, IColumnTile
    {
        if ((Group.IdxX & 31) == 0)
        {
            AsyncBarrier.ArriveExpecting(barrier, AttentionCells.Bytes<TColumns>());
            for (int i = 0; i < TColumns.Columns / Rows; i++)
            {
                TensorCopy.Load(shared + (uint)(i * TileBytes), map, i * Rows, cell * Cell, barrier);
            }
        }
        else
        {
            AsyncBarrier.Arrive(barrier);
        }
    }

    private static int Places<TTerms>()
        where TTerms : struct, IActivationTerms => TTerms.Count == 1 ? 5 : 3;

    private static uint At<TColumns, TTerms>(uint memory, int stage)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms =>
        memory + (uint)((TTerms.Count * AttentionQueries.TermBytes) + (stage * AttentionCells.Bytes<TColumns>()));

    private static uint Full(uint memory, int stage) => memory + FullAt + (uint)(stage * 8);

    private static uint Empty(uint memory, int stage) => memory + EmptyAt + (uint)(stage * 8);
}
