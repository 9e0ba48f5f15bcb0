using CsCheck;
using Lean.Engine.Caches;
using Lean.Kernels;

namespace Lean.Engine.Tests.Caches;

public sealed class BlockManagerTests
{
    [Fact]
    public void A_published_prefix_is_found_again_by_its_tokens_and_only_with_all_before_them()
    {
        var blocks = new BlockManager(8, 4);
        int a = Publish(blocks, PrefixTree.Root, 1), b = Publish(blocks, a, 2);
        blocks.Keep(blocks.TakeSnapshot(), b);
        int[] found = new int[4];
        PrefixMatch match = blocks.Match([.. Cell(1), .. Cell(2), .. Cell(3), .. Cell(4)], found);
        Assert.Equal((2, 2), (match.Usable, match.Known));
        Assert.Equal([a, b], found[..2]);
        Assert.Equal(0, blocks.Match([.. Cell(2), .. Cell(1)], found.AsSpan(0, 2)).Known);
        Assert.Equal((0, 1), Usable(blocks.Match([.. Cell(1), .. Cell(1)], found.AsSpan(0, 2))));

        // One token differs.
        int[] other = [.. Cell(1), .. Cell(2)];
        other[^1]++;
        Assert.Equal((0, 1), Usable(blocks.Match(other, found.AsSpan(0, 2))));
    }

    [Fact]
    public void A_second_copy_of_a_cell_goes_back_and_the_first_is_used()
    {
        var blocks = new BlockManager(3, 0);
        int a = Publish(blocks, PrefixTree.Root, 1), twin = blocks.Take();
        Assert.NotEqual(a, twin);
        Assert.Equal(a, blocks.Publish(twin, PrefixTree.Root, Cell(1)));
        Assert.Equal(2, blocks.Available);
        blocks.Release(a);
        Assert.Equal((2, 0), (blocks.Available, blocks.Idle));
        blocks.Release(a);
        Assert.Equal((3, 1), (blocks.Available, blocks.Idle));
        Assert.Throws<InvalidOperationException>(() => blocks.Release(a));
    }

    [Fact]
    public void The_least_recently_used_leaves_first_children_before_parents_and_nobody_loses_what_is_in_use()
    {
        var blocks = new BlockManager(4, 4);
        int a = Publish(blocks, PrefixTree.Root, 1), b = Publish(blocks, a, 2), c = Publish(blocks, PrefixTree.Root, 3);
        blocks.Keep(blocks.TakeSnapshot(), b);
        blocks.Keep(blocks.TakeSnapshot(), c);
        blocks.Release(b);
        blocks.Release(a);
        blocks.Release(c);
        Assert.Equal((4, 2), (blocks.Available, blocks.FreeSnapshots));
        Assert.NotEqual(b, blocks.Take());
        Assert.Equal(b, blocks.Take());
        Assert.Equal((1L, 3), (blocks.BlockEvictions, blocks.FreeSnapshots));
        Assert.Equal(a, blocks.Take());
        Assert.Equal(c, blocks.Take());
        Assert.Equal((0, 4), (blocks.Available, blocks.FreeSnapshots));
        Assert.Equal(0, blocks.Match(Cell(1), new int[1]).Known);
    }

    [Fact]
    public void Snapshots_make_room_in_the_order_of_their_last_use()
    {
        var blocks = new BlockManager(4, 2);
        int a = Publish(blocks, PrefixTree.Root, 1), b = Publish(blocks, PrefixTree.Root, 2), c = Publish(blocks, PrefixTree.Root, 3);
        int first = blocks.TakeSnapshot(), second = blocks.TakeSnapshot();
        Assert.Equal(-1, blocks.TakeSnapshot());
        blocks.Keep(first, a);
        blocks.Keep(second, b);
        blocks.Touch(first);
        Assert.Equal(second, blocks.TakeSnapshot());
        blocks.Keep(second, c);
        int[] found = new int[1];
        Assert.Equal([1, 0, 1], new[] { 1, 2, 3 }.Select(i => blocks.Match(Cell(i), found).Usable));
        Assert.Equal(1, blocks.SnapshotEvictions);
    }

    [Fact]
    public void Random_use_agrees_with_plain_lists_of_who_has_what_and_what_is_in_it() => Gen.Int.Sample(
        seed =>
        {
            var random = new Random(seed);
            var blocks = new BlockManager(12, 5);
            var held = new List<List<int>>();
            var paths = new Dictionary<int, string>();
            for (int step = 0; step < 300; step++)
            {
                if (random.Next(3) > 0)
                {
                    // A prompt of cells 0 or 1, like a path in a small tree: what is known is used, the rest taken and published.
                    int[] path = [.. Enumerable.Range(0, 1 + random.Next(4)).Select(_ => random.Next(2))];
                    int[] tokens = [.. path.SelectMany(Cell)], found = new int[path.Length];
                    PrefixMatch match = blocks.Match(tokens, found);
                    Assert.Equal(Enumerable.Range(1, match.Known).Select(n => string.Concat(path[..n])), found[..match.Known].Select(b => paths[b]));
                    int idle = found[..match.Known].Count(blocks.IsIdle);
                    if (path.Length - match.Known > blocks.Available - idle)
                    {
                        continue;
                    }

                    var own = new List<int>();
                    foreach (int block in found[..match.Known])
                    {
                        blocks.Use(block);
                        own.Add(block);
                    }

                    for (int i = match.Known; i < path.Length; i++)
                    {
                        int block = blocks.Take();
                        Assert.DoesNotContain(block, held.SelectMany(h => h).Concat(own));
                        own.Add(blocks.Publish(block, i == 0 ? PrefixTree.Root : own[^1], Cell(path[i])));
                        paths[own[^1]] = string.Concat(path[..(i + 1)]);
                        int snapshot = random.Next(2) == 0 ? blocks.TakeSnapshot() : -1;
                        if (snapshot >= 0)
                        {
                            blocks.Keep(snapshot, own[^1]);
                        }
                    }

                    held.Add(own);
                }
                else if (held.Count > 0)
                {
                    List<int> own = held[random.Next(held.Count)];
                    held.Remove(own);
                    own.AsEnumerable().Reverse().ToList().ForEach(blocks.Release);
                }

                Assert.Equal(12 - held.SelectMany(h => h).Distinct().Count(), blocks.Available);
                Assert.Equal(5, blocks.FreeSnapshots + blocks.Kept);
            }
        },
        iter: 300);

    private static (int Usable, int Known) Usable(PrefixMatch match) => (match.Usable, match.Known);

    private static int Publish(BlockManager blocks, int parent, int cell) => blocks.Publish(blocks.Take(), parent, Cell(cell));

    private static int[] Cell(int value) => [.. Enumerable.Range(0, Grid.Cell).Select(i => (value * 1000) + i)];
}
