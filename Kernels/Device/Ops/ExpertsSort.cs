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

    /// <summary>Places of the entries, −1 where the expert is not here, the rows behind the places, and tiles (expert, first place, rows).</summary>
    [Kernel("experts_sort", Threads, groups: "E")]
    [Instance("generated", typeof(GeneratedTiles))]
    [Instance("eight", typeof(EightRowTiles))]
    [Instance("eight_by_expert", typeof(EightRowTilesByExpert))]
    [Instance("prompt", typeof(PromptTiles))]
    public static void Run<TTiles>(
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T*K")] ArrayView<int> rows,
        [Shape("Tiles", "3")] ArrayView<int> tiles,
        [Shape("E")] ArrayView<int> counts,
        [Extent("T")] int rowCount,
        [Extent("K")] int topK,
        [Extent("E")] int expertCount,
        [Extent("Tiles")] int tileCount,
        int firstExpert)
        where TTiles : struct, ITiles
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(Threads);
        int thread = Group.IdxX, expert = Grid.IdxX, entries = rowCount * topK, share = (entries + Threads - 1) / Threads;
        int begin = Math.Min(thread * share, entries), end = Math.Min(begin + share, entries);
        int own = 0, lower = 0;
        for (int i = begin; i < end; i++)
        {
            int e = experts[i] - firstExpert;
            own += e == expert ? 1 : 0;
            lower += e >= 0 && e < expert ? 1 : 0;
        }

        int through = GroupScan.Through(shared, own), count = shared[Threads - 1];
        GroupScan.Through(shared, lower);
        int start = shared[Threads - 1], place = start + through - own;
        for (int i = begin; i < end; i++)
        {
            int e = experts[i] - firstExpert;
            if (e == expert)
            {
                rows[place] = i / topK;
                places[i] = place;
                place++;
            }
            else if (expert == 0 && (e < 0 || e >= expertCount))
            {
                places[i] = -1;
            }
        }

        // Every slot of the tiles belongs to exactly one expert: see ITiles.
        int slots = TTiles.EveryPlace ? count : ((start + count) / TTiles.Rows) - (start / TTiles.Rows) + 1;
        int firstSlot = TTiles.EveryPlace ? start : (start / TTiles.Rows) + expert;
        if (expert == expertCount - 1)
        {
            // Entries of other ranks' experts leave places and slots free, which must hold something harmless.
            slots = tileCount - firstSlot;
            for (int free = start + count + thread; free < entries; free += Threads)
            {
                rows[free] = 0;
            }
        }

        for (int slot = thread; slot < slots; slot += Threads)
        {
            int from = Math.Min(!TTiles.EveryPlace ? slot * TTiles.Rows : slot % TTiles.Rows == 0 ? slot : count, count);
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
