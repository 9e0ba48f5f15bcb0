using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Sums of whole numbers in sixteen bins over the 256 threads of a group. Each thread adds to cells of its own, so no
/// addition is atomic, and the sums are exact, so their order is of no account. A search that finds its bin, and then the
/// bin within it, reads off a place in some order without sorting.
/// </summary>
public static class BinSums
{
    /// <summary>Threads of the groups that use it.</summary>
    public const int Threads = 256;

    /// <summary>Bits of a bin's number.</summary>
    public const int Bits = 4;

    /// <summary>Bins.</summary>
    public const int Bins = 1 << Bits;

    /// <summary>Cells in shared memory.</summary>
    public const int Cells = Bins * Threads;

    private const int Lanes = Threads / Bins;

    /// <summary>Starts over; begins with a barrier.</summary>
    public static void Clear(ArrayView<long> cells)
    {
        Group.Barrier();
        for (int bin = 0; bin < Bins; bin++)
        {
            cells[(bin * Threads) + Group.IdxX] = 0;
        }
    }

    /// <summary>Adds to a bin.</summary>
    public static void Add(ArrayView<long> cells, int bin, long value) => cells[(bin * Threads) + Group.IdxX] += value;

    /// <summary>The sum of the bin whose number is the thread's, modulo their number. Begins and ends with a barrier.</summary>
    public static long Sum(ArrayView<long> cells)
    {
        int thread = Group.IdxX, first = (thread / Lanes * Threads) + (thread % Lanes), bin = thread % Bins;
        Group.Barrier();
        long own = 0;
        for (int i = 0; i < Lanes; i++)
        {
            own += cells[first + (i * Lanes)];
        }

        // Only this thread has read the cell, or will before the barrier.
        cells[first] = own;
        Group.Barrier();
        long sum = 0;
        for (int lane = 0; lane < Lanes; lane++)
        {
            sum += cells[(bin * Threads) + ((lane + bin) % Lanes)];
        }

        Group.Barrier();
        return sum;
    }

    /// <summary>
    /// Finds the first bin that brings the sum of the bins to <paramref name="target"/>, or the last where none does. The
    /// first cells are then its number, the sum before it, and the sum of all. Begins and ends with a barrier.
    /// </summary>
    public static void Reach(ArrayView<long> cells, long target)
    {
        int thread = Group.IdxX;
        long own = Sum(cells);
        cells[thread] = own;
        Group.Barrier();
        if (thread == 0)
        {
            long sum = 0, before = 0;
            int reached = -1;
            for (int bin = 0; bin < Bins; bin++)
            {
                long next = sum + cells[bin];
                bool here = reached < 0 && (next >= target || bin == Bins - 1);
                reached = here ? bin : reached;
                before = here ? sum : before;
                sum = next;
            }

            cells[0] = reached;
            cells[1] = before;
            cells[2] = sum;
        }

        Group.Barrier();
    }
}
