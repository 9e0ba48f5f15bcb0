using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// Sorts the entries (t, r) of a prompt by expert, stably, without atomics, and lists the tiles of their products in the order of <see cref="ExpertTiles"/>, on Hopper: one cluster,
/// whose warps have a run of the entries each. A warp counts its entries by expert, 32 at a time, whose lanes find their like by ballots: the first of them counts, in counts of the
/// warp's own. A group adds up those of its warps, tells all others, and knows then how many entries of each expert lie before its own. So entries are read twice in all,
/// not twice by a group for each expert.
/// </summary>
public static class ExpertsOrder
{
    /// <summary>Groups of the cluster.</summary>
    public const int Groups = 16;

    private const int Threads = 1024;
    private const int Warps = Threads / 32;
    private const int All = Groups * Warps;

    // Loads on their way.
    private const int Together = 4;
    private const int Block = Together * 32;
    private const int Most = 512;

    // Shared memory, in bytes: entries of each expert by warps, later those before a warp's; by groups; where an expert's places begin and, of all experts, rows and steps of the largest tile.
    private const int LineBytes = Most * sizeof(int);
    private const int GroupsAt = Warps * LineBytes, BeginsAt = GroupsAt + (Groups * LineBytes), CountsAt = BeginsAt + LineBytes, StepsAt = CountsAt + (2 * LineBytes);
    private const int SharedBytes = StepsAt + (2 * LineBytes);

    /// <summary>Sorts the entries, those behind them as the last expert's, a shared one's, and lists the tiles.</summary>
    /// <param name="experts">The entries.</param>
    /// <param name="places">By entry; −1 where the expert is not here.</param>
    /// <param name="rows">By place; 0 where nothing lies.</param>
    /// <param name="plan">The number of tiles, then each one's entry.</param>
    /// <param name="rowCount">T.</param>
    /// <param name="topK">K.</param>
    /// <param name="all">E, the shared one counted: at most one more than the instance says.</param>
    /// <param name="firstExpert">The first that is here.</param>
    /// <param name="sharedRows">T if there is a shared expert, else 0.</param>
    [Kernel("experts_order", Threads, groups: "*", Unroll = true)]
    [Instance("few", typeof(UpTo256Experts), Cluster = Groups)]
    [Instance("many", typeof(UpTo512Experts), Cluster = Groups)]
    [Cuda("sm_90a", SharedBytes = SharedBytes)]
    public static void Run<TExperts>(
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("N")] ArrayView<int> rows,
        [Shape("Entries", "4")] ArrayView<int> plan,
        [Extent("T")] int rowCount,
        [Extent("K")] int topK,
        int all,
        int firstExpert,
        int sharedRows)
        where TExperts : struct, IExpertLanes
    {
        var met = new int[Together];
        var own = new int[Warps];
        DependentLaunch.Allow();
        Cluster.Arrive();
        int lane = Group.IdxX & 31, warp = Lanes.First(Group.IdxX >> 5), rank = Grid.IdxX, entries = rowCount * topK;
        int count = sharedRows > 0 ? all - 1 : all, expert = Group.IdxX, most = TExperts.Lines * 256;
        uint memory = CudaShared.Base(), counts = memory + (uint)(warp * LineBytes);
        for (int i = 0; i < Most / 128; i++)
        {
            if (i < most / 128)
            {
                CudaShared.Store4(counts + (uint)((lane + (i * 32)) * 16), default);
            }
        }

        int share = (entries + (All * 32) - 1) / (All * 32) * 32, begin = Math.Min(((rank * Warps) + warp) * share, entries), end = Math.Min(begin + share, entries);
        uint before = (1u << lane) - 1u;
        Lanes.Together();
        DependentLaunch.Wait();
        for (int from = begin; from < end; from += Block)
        {
            Read(met, experts, from + lane, end, firstExpert, count);
            for (int j = 0; j < Together; j++)
            {
                uint same = Same<TExperts>(met[j]);
                Count(counts, met[j], count, same, before);
            }
        }

        // A warp's counts become those of the warps before it, and every group learns the sum.
        Cluster.Wait();
        Group.Barrier();
        if (expert < most)
        {
            uint at = memory + (uint)(expert * sizeof(int));
            for (int i = 0; i < Warps; i++)
            {
                own[i] = (int)CudaShared.Load(at + (uint)(i * LineBytes));
            }

            int sum = 0;
            for (int i = 0; i < Warps; i++)
            {
                CudaShared.Store(at + (uint)(i * LineBytes), (uint)sum);
                sum += own[i];
            }

            for (int i = 0; i < Groups; i++)
            {
                Cluster.Store(at + (uint)(GroupsAt + (rank * LineBytes)), Interop.IntAsFloat((uint)sum), i);
            }
        }

        Cluster.Arrive();
        Cluster.Wait();
        int mine = 0;
        if (expert < most)
        {
            int sum = 0;
            for (int i = 0; i < Groups; i++)
            {
                int others = (int)CudaShared.Load(memory + (uint)(GroupsAt + (i * LineBytes) + (expert * sizeof(int))));
                mine += i < rank ? others : 0;
                sum += others;
            }

            // Behind the last expert stands the shared one, or none.
            Note(memory, expert, expert == count ? sharedRows : sum);
        }

        if (expert == 0 && count == most)
        {
            Note(memory, count, sharedRows);
        }

        Group.Barrier();

        // Of a warp's experts the first begins behind all before them.
        int first = warp * (most / Warps), here = 0, lower = 0;
        for (int i = 0; i < Most / 32; i++)
        {
            int other = lane + (i * 32), others = other < count ? Rows(memory, Math.Min(other, count - 1)) : 0;
            here += others;
            lower += other < first ? others : 0;
        }

        here = Lanes.Sum(here);
        int place = Lanes.Sum(lower);
        for (int i = 0; i < Most / Warps; i++)
        {
            if (i < most / Warps)
            {
                if (lane == 0)
                {
                    CudaShared.Store(memory + (uint)(BeginsAt + ((first + i) * sizeof(int))), (uint)place);
                }

                place += Rows(memory, first + i);
            }
        }

        Group.Barrier();
        if (expert < most)
        {
            uint at = memory + (uint)(BeginsAt + (expert * sizeof(int)));
            CudaShared.Store(at, CudaShared.Load(at) + (uint)mine);
        }

        Group.Barrier();
        for (int from = begin; from < end; from += Block)
        {
            Read(met, experts, from + lane, end, firstExpert, count);
            for (int j = 0; j < Together; j++)
            {
                int i = from + lane + (j * 32), known = Math.Min(met[j], most - 1);
                uint same = Same<TExperts>(met[j]);
                int at = (int)CudaShared.Load(memory + (uint)(BeginsAt + (known * sizeof(int)))) + (int)CudaShared.Load(counts + (uint)(known * sizeof(int))) + Lanes.Count(same & before);
                if (met[j] < count)
                {
                    rows[at] = i / topK;
                    places[i] = at;
                }
                else if (i < end)
                {
                    places[i] = -1;
                }

                Lanes.Together();
                Count(counts, met[j], count, same, before);
            }
        }

        Plan(memory, plan, (rank * Warps) + warp, lane, all);

        // Entries of other ranks' experts leave places free, which must hold something harmless.
        int thread = (rank * Threads) + Group.IdxX;
        for (int free = here + thread; free < entries; free += Groups * Threads)
        {
            rows[free] = 0;
        }

        for (int row = thread; row < sharedRows; row += Groups * Threads)
        {
            rows[entries + row] = row;
        }
    }

    // Experts that are not here, and entries that do not exist, count as one behind the last.
    private static void Read(int[] met, ArrayView<int> experts, int first, int end, int firstExpert, int count)
    {
        for (int j = 0; j < Together; j++)
        {
            int i = first + (j * 32), e = experts[Math.Min(i, end - 1)] - firstExpert;
            met[j] = i < end && e >= 0 && e < count ? e : count;
        }
    }

    // The lanes with the same number.
    private static uint Same<TExperts>(int expert)
        where TExperts : struct, IExpertLanes
    {
        uint same = 0xffffffffu;
        for (int bit = 0; bit < 8 + TExperts.Lines; bit++)
        {
            int own = (expert >> bit) & 1;
            same &= Lanes.Ballot(own) ^ (uint)(own - 1);
        }

        return same;
    }

    private static void Count(uint counts, int expert, int count, uint same, uint before)
    {
        if ((same & before) == 0 && expert < count)
        {
            uint at = counts + (uint)(expert * sizeof(int));
            CudaShared.Store(at, CudaShared.Load(at) + (uint)Lanes.Count(same));
        }

        Lanes.Together();
    }

    private static void Note(uint memory, int expert, int rows)
    {
        CudaShared.Store(memory + (uint)(CountsAt + (expert * sizeof(int))), (uint)rows);
        CudaShared.Store(memory + (uint)(StepsAt + (expert * sizeof(int))), (uint)ExpertTiles.Most(rows));
    }

    // A warp an expert.
    private static void Plan(uint memory, ArrayView<int> plan, int first, int lane, int all)
    {
        for (int expert = first; expert < all; expert += All)
        {
            int rows = Rows(memory, expert), most = Steps(memory, expert), before = 0, lower = 0, total = 0;
            for (int i = lane; i < all; i += 32)
            {
                int others = Rows(memory, i), tiles = ExpertTiles.Count(others);
                total += tiles;
                before += ExpertTiles.IsBefore(Steps(memory, i), others, i, most, rows, expert) ? tiles : 0;
                lower += i < expert ? others : 0;
            }

            int entry = Lanes.Sum(before), place = Lanes.Sum(lower);
            total = Lanes.Sum(total);
            if (expert == 0 && lane == 0)
            {
                plan[0] = total;
            }

            for (int i = lane; i < ExpertTiles.Count(rows); i += 32)
            {
                int at = (entry + i + 1) * ExpertTiles.Columns;
                plan[at] = entry;
                plan[at + 1] = expert;
                plan[at + 2] = place;
                plan[at + 3] = rows;
            }
        }
    }

    private static int Rows(uint memory, int expert) => (int)CudaShared.Load(memory + (uint)(CountsAt + (expert * sizeof(int))));

    private static int Steps(uint memory, int expert) => (int)CudaShared.Load(memory + (uint)(StepsAt + (expert * sizeof(int))));
}
