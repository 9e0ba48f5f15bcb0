using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>Lists the tiles of a prompt's routed rows, in the order of <see cref="ExpertTiles"/>: a group an expert.</summary>
public static class ExpertsPlan
{
    private const int Threads = 256;

    /// <summary>The plan: the number of tiles, then each one's entry; what is behind them stays as it was.</summary>
    [Kernel("experts_plan", Threads, groups: "E")]
    public static void Run(
        [Shape("E")] ArrayView<int> counts,
        [Shape("Entries", "4")] ArrayView<int> plan,
        [Extent("E")] int experts)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(Threads);
        int thread = Group.IdxX, expert = Grid.IdxX, rows = counts[expert], before = 0, lower = 0, all = 0;
        for (int i = thread; i < experts; i += Threads)
        {
            int others = counts[i], tiles = ExpertTiles.Count(others);
            all += tiles;
            before += ExpertTiles.IsBefore(others, i, rows, expert) ? tiles : 0;
            lower += i < expert ? others : 0;
        }

        GroupScan.Through(shared, all);
        int total = shared[Threads - 1];
        GroupScan.Through(shared, before);
        int firstEntry = shared[Threads - 1];
        GroupScan.Through(shared, lower);
        int firstPlace = shared[Threads - 1];
        if (expert == 0 && thread == 0)
        {
            plan[0] = total;
        }

        for (int i = thread; i < ExpertTiles.Count(rows); i += Threads)
        {
            int entry = (firstEntry + i + 1) * ExpertTiles.Columns;
            plan[entry] = firstEntry;
            plan[entry + 1] = expert;
            plan[entry + 2] = firstPlace;
            plan[entry + 3] = rows;
        }
    }
}
