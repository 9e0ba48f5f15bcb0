using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The ring of <see cref="AttentionPrompt"/>: keys and values of cell after cell go in turn to the places of
/// <see cref="AttentionCells"/>, counted from the kernel's first. Each warp waits for what it needs alone, and says when it is
/// done with a place, so that some multiply while others weigh scores. Barriers lie behind the places.
/// <para>
/// Every lane says so for itself: that is as fast as one lane for its warp after a barrier of the warp's, or faster, and
/// racecheck does not follow what a lane read over that barrier to another lane's arrival.
/// </para>
/// </summary>
public static class AttentionRing
{
    /// <summary>Shared memory, at a multiple of 16.</summary>
    public const int Bytes = PlacesBytes + 64;

    private const int PlacesBytes = AttentionCells.Places * AttentionCells.MostBytes;
    private const int Full = PlacesBytes, Empty = PlacesBytes + 32;

    /// <summary>Makes the barriers; one of the group must follow.</summary>
    public static void Make(uint ring)
    {
        if (Group.IdxX == 0)
        {
            for (int i = 0; i < AttentionCells.Places; i++)
            {
                AsyncBarrier.Initialize(ring + (uint)(Full + (i * 8)), AttentionCells.Threads);
                AsyncBarrier.Initialize(ring + (uint)(Empty + (i * 8)), AttentionCells.Threads);
            }
        }
    }

    /// <summary>Starts copying a cell's keys, when every thread is done with their place.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="number">Which keys or values of the kernel's these are.</param>
    /// <param name="keys">The cache.</param>
    /// <param name="cell">Block · KvHeads + head.</param>
    /// <param name="visible">Positions of the cell that are seen, at least 1.</param>
    public static void BringKeys<TColumns>(uint ring, int number, ArrayView<ushort> keys, long cell, int visible)
        where TColumns : struct, IColumnTile
    {
        AsyncBarrier.Wait(Barrier(ring + Empty, number), ((number / AttentionCells.Places) & 1) ^ 1);
        AttentionCells.BringKeys<TColumns>(Place<TColumns>(ring, number), keys, cell, visible);
        CopyAsync.Arrive(Barrier(ring + Full, number));
    }

    /// <summary>Starts copying a cell's values likewise.</summary>
    public static void BringValues<TColumns>(uint ring, int number, ArrayView<ushort> values, long cell, int visible)
        where TColumns : struct, IColumnTile
    {
        AsyncBarrier.Wait(Barrier(ring + Empty, number), ((number / AttentionCells.Places) & 1) ^ 1);
        AttentionCells.BringValues<TColumns>(Place<TColumns>(ring, number), values, cell, visible);
        CopyAsync.Arrive(Barrier(ring + Full, number));
    }

    /// <summary>Waits until keys or values have come, and says where they are.</summary>
    public static uint Take<TColumns>(uint ring, int number)
        where TColumns : struct, IColumnTile
    {
        AsyncBarrier.Wait(Barrier(ring + Full, number), (number / AttentionCells.Places) & 1);
        return Place<TColumns>(ring, number);
    }

    /// <summary>Says that this thread is done with keys or values.</summary>
    public static void Release(uint ring, int number) => AsyncBarrier.Arrive(Barrier(ring + Empty, number));

    private static uint Place<TColumns>(uint ring, int number)
        where TColumns : struct, IColumnTile => ring + (uint)(number % AttentionCells.Places * AttentionCells.Bytes<TColumns>());

    private static uint Barrier(uint barriers, int number) => barriers + (uint)(number % AttentionCells.Places * 8);
}
