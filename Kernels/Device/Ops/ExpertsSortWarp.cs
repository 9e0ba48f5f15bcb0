using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="ExpertsSort"/> of many entries on cards since Ampere, without tiles: a group an expert, and warps that read
/// neighbours. What <see cref="ExpertsSort"/>'s threads read lies a share apart, a line each. Waiting for entries bounds it, so
/// there are as many warps as a group may have.
/// </summary>
public static class ExpertsSortWarp
{
    private const int Threads = 1024;
    private const int Warps = Threads / 32;

    // Loads on their way.
    private const int Together = 4;
    private const int Block = Together * 32;

    /// <summary>
    /// Places of the entries, −1 where the expert is not here, and the rows behind the places; behind those of the entries, and
    /// as the last expert, a shared one's, which has every row.
    /// </summary>
    /// <param name="experts">The entries.</param>
    /// <param name="places">By entry.</param>
    /// <param name="rows">By place.</param>
    /// <param name="counts">Rows of each expert.</param>
    /// <param name="rowCount">T.</param>
    /// <param name="topK">K.</param>
    /// <param name="all">E, the shared one counted.</param>
    /// <param name="firstExpert">The first that is here.</param>
    /// <param name="sharedRows">T if there is a shared expert, else 0.</param>
    [Kernel("experts_sort_warp", Threads, groups: "E", Unroll = true)]
    [Cuda("sm_80")]
    public static void Run(
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("N")] ArrayView<int> rows,
        [Shape("E")] ArrayView<int> counts,
        [Extent("T")] int rowCount,
        [Extent("K")] int topK,
        [Extent("E")] int all,
        int firstExpert,
        int sharedRows)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(2 * Warps);
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, expert = Grid.IdxX, entries = rowCount * topK;
        int expertCount = sharedRows > 0 ? all - 1 : all;
        if (expert == expertCount)
        {
            for (int row = Group.IdxX; row < sharedRows; row += Threads)
            {
                rows[entries + row] = row;
            }

            if (Group.IdxX == 0)
            {
                counts[expert] = sharedRows;
            }

            return;
        }

        int share = ((entries + Threads - 1) / Threads) * 32, begin = Math.Min(warp * share, entries), end = Math.Min(begin + share, entries);
        var met = new int[Together];
        int own = 0, lower = 0;
        for (int from = begin; from < end; from += Block)
        {
            Read(met, experts, from + lane, end, firstExpert, expertCount);
            for (int j = 0; j < Together; j++)
            {
                own += met[j] == expert ? 1 : 0;
                lower += met[j] < expert ? 1 : 0;
            }
        }

        own = Lanes.Sum(own);
        lower = Lanes.Sum(lower);
        if (lane == 0)
        {
            shared[warp] = own;
            shared[Warps + warp] = lower;
        }

        Group.Barrier();
        int start = 0, count = 0, place = 0;
        for (int i = 0; i < Warps; i++)
        {
            start += shared[Warps + i];
            count += shared[i];
            place += i < warp ? shared[i] : 0;
        }

        place += start;
        uint before = (1u << lane) - 1u;
        for (int from = begin; from < end; from += Block)
        {
            Read(met, experts, from + lane, end, firstExpert, expertCount);
            int here = 0;
            for (int j = 0; j < Together; j++)
            {
                here += met[j] == expert ? 1 : 0;
            }

            // Most blocks hold none: an expert is one of many.
            here = Lanes.Sum(here);
            if (here > 0 || expert == 0)
            {
                int next = place;
                for (int j = 0; j < Together; j++)
                {
                    uint same = Lanes.Ballot(met[j] == expert ? 1 : 0);
                    int i = from + lane + (j * 32), at = next + Lanes.Count(same & before);
                    if (met[j] == expert)
                    {
                        rows[at] = i / topK;
                        places[i] = at;
                    }

                    if (expert == 0 && met[j] == expertCount && i < end)
                    {
                        places[i] = -1;
                    }

                    next += Lanes.Count(same);
                }
            }

            place += here;
        }

        // Entries of other ranks' experts leave places free, which must hold something harmless.
        int free = expert == expertCount - 1 ? start + count + Group.IdxX : entries;
        for (; free < entries; free += Threads)
        {
            rows[free] = 0;
        }

        if (Group.IdxX == 0)
        {
            counts[expert] = count;
        }
    }

    // Experts that are not here, and entries that do not exist, count as one behind the last.
    private static void Read(int[] met, ArrayView<int> experts, int first, int end, int firstExpert, int expertCount)
    {
        for (int j = 0; j < Together; j++)
        {
            int i = first + (j * 32), e = experts[Math.Min(i, end - 1)] - firstExpert;
            met[j] = i < end && e >= 0 && e < expertCount ? e : expertCount;
        }
    }
}
