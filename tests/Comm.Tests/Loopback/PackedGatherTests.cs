using System.Collections.Immutable;
using Lean.Tensors;

namespace Lean.Comm.Tests;

public sealed class PackedGatherTests
{
    private static readonly ParallelLayout s_layout = new(tensor: 2, data: 2, expert: true);

    [Theory]
    [InlineData(26, 30)]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(0, 0)]
    public void Hidden_states_weights_and_ids_of_uneven_ranks_travel_in_one_collective(int first, int second)
    {
        StepRows rows = StepRows.Ragged(first, second);
        ImmutableArray<int> shared = rows.Shared(s_layout);
        PlannedCollective entry = PackedGather.Entry(
            s_layout, GroupKind.Expert, shared, PackedGather.RowBytes((DType.BF16, 7), (DType.F32, 3), (DType.I32, 3)), 4, CollectivePurpose.Dispatch);
        using var world = new LoopbackWorld(s_layout);
        world.Run(collectives =>
        {
            using var packed = new PackedGather();
            int own = shared[collectives.Rank], all = shared.Sum(), before = shared.Take(collectives.Rank).Sum();
            using HostBuffer a = new(1 << 12), b = new(1 << 12), c = new(1 << 12);
            Tensor hidden = a.View(DType.BF16, new Shape(own, 7)), weights = b.View(DType.F32, new Shape(own, 3)), ids = c.View(DType.I32, new Shape(own, 3));
            using HostBuffer x = new(1 << 12), y = new(1 << 12), z = new(1 << 12);
            Tensor allHidden = x.View(DType.BF16, new Shape(all, 7)), allWeights = y.View(DType.F32, new Shape(all, 3)), allIds = z.View(DType.I32, new Shape(all, 3));
            Number<ushort>(hidden, before * 7, static i => (ushort)i);
            Number<float>(weights, before * 3, static i => i + 0.5f);
            Number<int>(ids, before * 3, static i => -i);
            collectives.BeginStep(1, new CollectivePlan(rows, [entry]));
            packed.Run(collectives, entry, [hidden, weights, ids], [allHidden, allWeights, allIds]);
            Assert.Equal(Enumerable.Range(0, all * 7).Select(static i => (ushort)i), allHidden.AsSpan<ushort>().ToArray());
            Assert.Equal(Enumerable.Range(0, all * 3).Select(static i => i + 0.5f), allWeights.AsSpan<float>().ToArray());
            Assert.Equal(Enumerable.Range(0, all * 3).Select(static i => -i), allIds.AsSpan<int>().ToArray());
        });
    }

    [Fact]
    public void Tensors_that_the_entry_does_not_pack_are_refused()
    {
        var alone = new ParallelLayout(1, 1, expert: false);
        using var world = new LoopbackWorld(alone);
        using var packed = new PackedGather();
        using var memory = new HostBuffer(64);
        PlannedCollective entry = PackedGather.Entry(alone, GroupKind.Tensor, [1], PackedGather.RowBytes((DType.F32, 4)));
        Tensor narrow = memory.View(DType.F32, new Shape(1, 3));
        Assert.Throws<ArgumentException>(() => packed.Run(world[0], entry, [narrow], [narrow]));
    }

    private static void Number<T>(Tensor tensor, int first, Func<int, T> value) where T : unmanaged
    {
        Span<T> elements = tensor.AsSpan<T>();
        for (int i = 0; i < elements.Length; i++)
        {
            elements[i] = value(first + i);
        }
    }
}
