using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// Sorts the entries (t, r) of a step by expert, stably, without atomics: a group per expert counts the entries of lower
/// experts, which is where its own begin, and puts those in their order. It also cuts its run into tiles, which is what
/// the experts' products are launched over; how many there can be follows from the number of rows alone. Tiles
/// without rows name some place, so that the products may read it.
/// </summary>
public static class ExpertsSort
{
    private const int Threads = 256;
    private const int TileColumns = 3;

    /// <summary>Places of the entries, the rows behind the places, and tiles (expert, first place, rows).</summary>
    [Kernel("experts_sort", Threads, groups: "E")]
    [Instance("generated", typeof(GeneratedTiles))]
    [Instance("eight", typeof(EightRowTiles))]
    [Instance("prompt", typeof(PromptTiles))]
    public static void Run<TTiles>(
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T*K")] ArrayView<int> rows,
        [Shape("Tiles", "3")] ArrayView<int> tiles,
        [Shape("E")] ArrayView<int> counts,
        [Extent("T")] int rowCount,
        [Extent("K")] int topK)
        where TTiles : struct, ITiles
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(Threads);
        int thread = Group.IdxX, expert = Grid.IdxX, entries = rowCount * topK, share = (entries + Threads - 1) / Threads;
        int begin = Math.Min(thread * share, entries), end = Math.Min(begin + share, entries);
        int own = 0, lower = 0;
        for (int i = begin; i < end; i++)
        {
            int e = experts[i];
            own += e == expert ? 1 : 0;
            lower += e < expert ? 1 : 0;
        }

        int through = GroupScan.Through(shared, own), count = shared[Threads - 1];
        GroupScan.Through(shared, lower);
        int start = shared[Threads - 1], place = start + through - own;
        for (int i = begin; i < end; i++)
        {
            if (experts[i] == expert)
            {
                rows[place] = i / topK;
                places[i] = place;
                place++;
            }
        }

        // Every slot of the tiles belongs to exactly one expert: see ITiles.
        int slots = TTiles.EveryPlace ? count : ((start + count) / TTiles.Rows) - (start / TTiles.Rows) + 1;
        int firstSlot = TTiles.EveryPlace ? start : (start / TTiles.Rows) + expert;
        for (int slot = thread; slot < slots; slot += Threads)
        {
            int from = !TTiles.EveryPlace ? slot * TTiles.Rows : slot % TTiles.Rows == 0 ? slot : count;
            int tile = (firstSlot + slot) * TileColumns;
            tiles[tile] = expert;
            tiles[tile + 1] = Math.Min(start + from, entries - 1);
            tiles[tile + 2] = from < count ? Math.Min(TTiles.Rows, count - from) : 0;
        }

        if (thread == 0)
        {
            counts[expert] = count;
        }
    }
}
