using System.Collections.Immutable;
using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>One layer's collectives of a step of 26 and 30 rows on TP 2 × DP 2 + EP, and ranks that do something else.</summary>
/// <param name="sums">What sums travel as.</param>
internal sealed class PlannedStep(DType sums)
{
    private const int Width = 8, Layer = 11;

    public static ParallelLayout Layout { get; } = new(tensor: 2, data: 2, expert: true);

    public static StepRows Rows { get; } = StepRows.Ragged(26, 30);

    /// <summary>Rows that each rank dispatches.</summary>
    public static ImmutableArray<int> Shared { get; } = Rows.Shared(Layout);

    public PlannedCollective Attention { get; } =
        PlannedCollective.AllReduce(Layout, GroupKind.Tensor, sums, Rows.PerReplica(Layout), Width, Layer, CollectivePurpose.Attention);

    public PlannedCollective Dispatch { get; } = Gathering(DType.BF16, Shared);

    public PlannedCollective DispatchF32 { get; } = Gathering(DType.F32, Shared);

    public PlannedCollective DispatchPadded { get; } = Gathering(DType.BF16, StepRows.Uniform(26, 30).Shared(Layout));

    public PlannedCollective Combine { get; } =
        PlannedCollective.ReduceScatter(Layout, GroupKind.Expert, sums, Shared, Width, Layer, CollectivePurpose.Combine);

    public CollectivePlan Plan => field ??= Of(Attention, Dispatch, Combine);

    public static CollectivePlan Of(params ImmutableArray<PlannedCollective> entries) => new(Rows, entries);

    /// <summary>What each rank does where rank 2 begins another step.</summary>
    public void Differ(ICollectives collectives, long step, CollectivePlan wrong) =>
        collectives.BeginStep(collectives.Rank == 2 ? step : 7, collectives.Rank == 2 ? wrong : Plan);

    /// <summary>What each rank does where rank 2 submits something else than its plan has, or nothing more.</summary>
    public void Stray(ICollectives collectives, PlannedCollective? instead)
    {
        var rank = new ScheduledRank(collectives, Schedule.Of(1, Layout, steps: 1));
        collectives.BeginStep(7, Plan);
        rank.Submit(7, 0, Attention);
        if (collectives.Rank != 2)
        {
            rank.Submit(7, 1, Dispatch);
        }
        else if (instead is not null)
        {
            rank.Submit(7, 1, instead);
        }
        else
        {
            rank.Run(8, Plan);
        }
    }

    private static PlannedCollective Gathering(DType type, ImmutableArray<int> rows) =>
        PlannedCollective.AllGather(Layout, GroupKind.Expert, type, rows, Width, Layer, CollectivePurpose.Dispatch);
}
