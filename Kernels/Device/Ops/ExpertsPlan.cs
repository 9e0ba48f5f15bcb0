using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// Places of a prompt's entries by expert, stably, and the tiles of their rows in the order of <see cref="ExpertTiles"/>, from
/// what <see cref="ExpertsCount"/> counted: a group a chunk for the places, a thread for each expert, and a group an expert for
/// its tiles. Behind the entries' places come those of a shared expert, if there is one: every row's, in their order.
/// </summary>
public static class ExpertsPlan
{
    private const int Threads = ExpertsCount.Threads;
    private const int Chunk = ExpertsCount.Chunk;

    /// <summary>Places of the entries, −1 where the expert is not here; the row of each place; the number of tiles, then each one's entry; what is behind them stays as it was.</summary>
    /// <param name="experts">The entries.</param>
    /// <param name="counts">Of each chunk.</param>
    /// <param name="places">By entry.</param>
    /// <param name="rows">By place; those of a shared expert last.</param>
    /// <param name="plan">The tiles.</param>
    /// <param name="rowCount">T.</param>
    /// <param name="topK">K.</param>
    /// <param name="chunks">As many groups, then one for each expert.</param>
    /// <param name="expertCount">E.</param>
    /// <param name="firstExpert">The first that is here.</param>
    /// <param name="sharedRows">T if there is a shared expert, which is number E, else 0.</param>
    [Kernel("experts_plan", Threads, groups: "*")]
    [Cuda("sm_80", SharedBytes = Chunk * sizeof(int))]
    public static void Run(
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("Chunks", "E")] ArrayView<int> counts,
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("N")] ArrayView<int> rows,
        [Shape("Entries", "4")] ArrayView<int> plan,
        [Extent("T")] int rowCount,
        [Extent("K")] int topK,
        [Extent("Chunks")] int chunks,
        [Extent("E")] int expertCount,
        int firstExpert,
        int sharedRows)
    {
        ArrayView<int> sums = SharedMemory.Allocate<int>(Threads);
        if (Grid.IdxX < chunks)
        {
            Place(sums, experts, counts, places, rows, rowCount * topK, topK, chunks, expertCount, firstExpert);
        }
        else
        {
            Cut(sums, counts, rows, plan, rowCount * topK, chunks, expertCount, Grid.IdxX - chunks, sharedRows);
        }
    }

    private static void Place(
        ArrayView<int> sums,
        ArrayView<int> experts,
        ArrayView<int> counts,
        ArrayView<int> places,
        ArrayView<int> rows,
        int entries,
        int topK,
        int chunks,
        int expertCount,
        int firstExpert)
    {
        uint memory = CudaShared.Base();
        int first = Grid.IdxX * Chunk, lower = 0;
        ExpertsCount.Load(memory, experts, Grid.IdxX, entries, firstExpert, expertCount);
        for (int from = 0; from < expertCount; from += Threads)
        {
            int expert = from + Group.IdxX, all = 0, before = 0;
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                int count = expert < expertCount ? counts[((long)chunk * expertCount) + expert] : 0;
                all += count;
                before += chunk < Grid.IdxX ? count : 0;
            }

            int place = lower + GroupScan.Through(sums, all) - all + before;
            lower += sums[Threads - 1];

            // Nobody is number E, as entries that have no place.
            expert = expert < expertCount ? expert : -1;
            for (int i = 0; i < Chunk; i += 4)
            {
                U4 met = CudaShared.Load4(memory + (uint)(i * sizeof(int)));
                place = Put(places, rows, (int)met.X, expert, first + i, topK, place);
                place = Put(places, rows, (int)met.Y, expert, first + i + 1, topK, place);
                place = Put(places, rows, (int)met.Z, expert, first + i + 2, topK, place);
                place = Put(places, rows, (int)met.W, expert, first + i + 3, topK, place);
            }
        }

        for (int own = Group.IdxX; own < Chunk && first + own < entries; own += Threads)
        {
            if ((int)CudaShared.Load(memory + (uint)(own * sizeof(int))) == expertCount)
            {
                places[first + own] = -1;
            }
        }
    }

    private static int Put(ArrayView<int> places, ArrayView<int> rows, int met, int expert, int entry, int topK, int place)
    {
        if (met != expert)
        {
            return place;
        }

        rows[place] = entry / topK;
        places[entry] = place;
        return place + 1;
    }

    private static void Cut(
        ArrayView<int> sums, ArrayView<int> counts, ArrayView<int> rows, ArrayView<int> plan, int entries, int chunks, int expertCount, int expert, int sharedRows)
    {
        int thread = Group.IdxX, own = expert == expertCount ? sharedRows : Count(counts, chunks, expertCount, expert), before = 0, lower = 0, all = 0, here = 0;
        for (int i = thread; i <= expertCount; i += Threads)
        {
            int others = i == expertCount ? sharedRows : Count(counts, chunks, expertCount, i), tiles = ExpertTiles.Count(others);
            all += tiles;
            here += i < expertCount ? others : 0;
            before += ExpertTiles.IsBefore(others, i, own, expert) ? tiles : 0;
            lower += i < expert ? others : 0;
        }

        GroupScan.Through(sums, all);
        int total = sums[Threads - 1];
        GroupScan.Through(sums, before);
        int firstEntry = sums[Threads - 1];
        GroupScan.Through(sums, expert == expertCount ? here : lower);
        int firstPlace = sums[Threads - 1];
        if (expert == 0)
        {
            if (thread == 0)
            {
                plan[0] = total;
            }

            // Entries of other ranks' experts leave places free, which must hold something harmless.
            GroupScan.Through(sums, here);
            for (int free = sums[Threads - 1] + thread; free < entries; free += Threads)
            {
                rows[free] = 0;
            }
        }

        if (expert == expertCount)
        {
            for (int row = thread; row < sharedRows; row += Threads)
            {
                rows[firstPlace + row] = row;
            }
        }

        for (int i = thread; i < ExpertTiles.Count(own); i += Threads)
        {
            int entry = (firstEntry + i + 1) * ExpertTiles.Columns;
            plan[entry] = firstEntry;
            plan[entry + 1] = expert;
            plan[entry + 2] = firstPlace;
            plan[entry + 3] = own;
        }
    }

    private static int Count(ArrayView<int> counts, int chunks, int expertCount, int expert)
    {
        int count = 0;
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            count += counts[((long)chunk * expertCount) + expert];
        }

        return count;
    }
}
