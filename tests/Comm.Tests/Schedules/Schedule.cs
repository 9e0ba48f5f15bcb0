using System.Collections.Immutable;
using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>
/// A made-up model: steps of random collectives over a random layout, the same for whoever has the seed. Rows are ragged,
/// often none.
/// </summary>
internal sealed class Schedule
{
    private static readonly DType[] s_sums = [DType.F32, DType.BF16, DType.F16, DType.I32, DType.I64];
    private static readonly DType[] s_moves = [.. s_sums, DType.I8, DType.F8E4M3];
    private static readonly CollectivePurpose[] s_purposes = Enum.GetValues<CollectivePurpose>()[3..];

    private Schedule(int seed, ParallelLayout layout, ImmutableArray<CollectivePlan> steps) => (Seed, Layout, Steps) = (seed, layout, steps);

    /// <summary>What it was made from.</summary>
    internal int Seed { get; }

    /// <summary>How ranks are laid out.</summary>
    internal ParallelLayout Layout { get; }

    /// <summary>The plan of each step.</summary>
    internal ImmutableArray<CollectivePlan> Steps { get; }

    /// <summary>A random layout of at most eight ranks, and steps for it.</summary>
    internal static Schedule Of(int seed)
    {
        var random = new Random(seed);
        int tensor = random.Next(1, 5);
        return Of(seed, new ParallelLayout(tensor, random.Next(1, (8 / tensor) + 1), random.Next(2) == 0), random.Next(1, 4));
    }

    /// <summary>Steps for a layout.</summary>
    internal static Schedule Of(int seed, ParallelLayout layout, int steps, int collectives = 0)
    {
        var random = new Random(seed + 1);
        return new Schedule(seed, layout, [.. Enumerable.Range(0, steps).Select(_ => Plan(random, layout, collectives == 0 ? random.Next(1, 8) : collectives))]);
    }

    private static CollectivePlan Plan(Random random, ParallelLayout layout, int collectives)
    {
        int[] real = [.. Enumerable.Range(0, layout.Data).Select(_ => random.Next(3) == 0 ? 0 : random.Next(32))];
        StepRows rows = random.Next(2) == 0 ? StepRows.Ragged(real) : StepRows.Uniform(real);
        return new CollectivePlan(rows, [.. Enumerable.Range(0, collectives).Select(i => Entry(random, layout, rows, i))]);
    }

    private static PlannedCollective Entry(Random random, ParallelLayout layout, StepRows rows, int index)
    {
        GroupKind group = random.GetItems(Enum.GetValues<GroupKind>(), 1)[0];
        int width = random.Next(1, 70), size = layout.GroupSize(group), root = random.Next(size), peer = random.Next(size);
        DType sum = random.GetItems(s_sums, 1)[0], move = random.GetItems(s_moves, 1)[0];
        CollectivePurpose purpose = random.GetItems(s_purposes, 1)[0];
        // Members of a group hold the same rows where they act on one tensor; only those of a replica do by themselves.
        ImmutableArray<int> same = group == GroupKind.Tensor ? rows.PerReplica(layout)
            : [.. Enumerable.Repeat(rows.Padded.Max(static r => r.Count), layout.Ranks)], shared = rows.Shared(layout);
        return random.Next(6) switch
        {
            0 => PlannedCollective.AllReduce(layout, group, sum, same, width, index / 2, purpose),
            1 => PlannedCollective.AllGather(layout, group, move, shared, width, index / 2, purpose),
            2 => PlannedCollective.ReduceScatter(layout, group, sum, shared, width, index / 2, purpose),
            3 => PlannedCollective.AllToAll(layout, group, move, [.. Enumerable.Range(0, layout.Ranks * size).Select(_ => random.Next(4))], width, index / 2, purpose),
            4 => PlannedCollective.Broadcast(layout, group, root, move, same, width, index / 2, purpose),
            _ => PlannedCollective.SendReceive(layout, group, root, peer, move, same, width, index / 2, purpose),
        };
    }
}
