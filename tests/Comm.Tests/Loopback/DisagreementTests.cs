using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>A rank that submits something else is named, whatever finds it: its own plan, the comparison of plans, or the others.</summary>
public sealed class DisagreementTests
{
    private static readonly PlannedStep s_step = new(DType.BF16);

    [Fact]
    public void A_wrong_count_type_order_or_a_skip_is_named_by_both_sides_without_waiting()
    {
        const string Dispatch = @"all_gather, layer 11, dispatch: bf16 rows \[13, 13, 15, 15\] of 8 over ep";
        Refuses([s_step.Attention, s_step.DispatchPadded, s_step.Combine], 2, Either(@"all_gather, layer 11, dispatch: bf16 rows \[15, 15, 15, 15\] of 8 over ep", Dispatch));
        Refuses([s_step.Attention, s_step.DispatchF32, s_step.Combine], 1, Either(@"all_gather, layer 11, dispatch: f32 rows \[13, 13, 15, 15\] of 8 over ep", Dispatch));
        Refuses([s_step.Attention, s_step.Combine, s_step.Dispatch], 3, Either(@"reduce_scatter, layer 11, combine: bf16 rows \[13, 13, 15, 15\] of 8 over ep", Dispatch));
        Refuses([s_step.Attention, s_step.Combine], 0, Either(@"reduce_scatter, layer 11, combine: bf16 rows \[13, 13, 15, 15\] of 8 over ep", Dispatch));

        static string Either(string wrong, string right) =>
            $"^rank \\d submitted ({wrong} as seq 2 of step 7, where rank \\d submitted {right}|{right} as seq 2 of step 7, where rank \\d submitted {wrong})$";
    }

    [Fact]
    public void A_skip_at_the_end_of_a_step_is_found_in_the_next() =>
        Refuses([s_step.Attention, s_step.Dispatch], 2, @"^rank 2 never submitted seq 3 \(reduce_scatter, layer 11, combine\) of step 7, where rank \d waits; it is at step 8, seq 1 \(all_reduce, layer 11, attention\)$");

    [Fact]
    public void A_rank_that_strays_from_its_own_plan_is_stopped_at_once()
    {
        Strays(s_step.Combine, @"^rank 2 came to reduce_scatter, layer 11, combine as seq 2 of step 7, where the plan has all_gather, layer 11, dispatch$");
        Strays(s_step.DispatchF32, @"^rank 2 came to all_gather, layer 11, dispatch as seq 2 of step 7, where the plan has all_gather, layer 11, dispatch$");
        Strays(null, @"^rank 2 left step 7 early: it never submitted seq 2 \(all_gather, layer 11, dispatch\), the plan's next of 3$");
    }

    [Fact]
    public void Plans_that_differ_are_refused_at_the_head_of_the_step_with_the_first_difference()
    {
        Differs(7, PlannedStep.Of(s_step.Attention, s_step.DispatchPadded, s_step.Combine),
            "the plan of rank 2 for step 7 is not that of rank 0: seq 2 is all_gather, layer 11, dispatch: bf16 rows [15, 15, 15, 15] of 8 over ep where rank 0 has all_gather, layer 11, dispatch: bf16 rows [13, 13, 15, 15] of 8 over ep");
        Differs(7, PlannedStep.Of(s_step.Attention),
            "the plan of rank 2 for step 7 is not that of rank 0: seq 2 is missing where rank 0 has all_gather, layer 11, dispatch: bf16 rows [13, 13, 15, 15] of 8 over ep");
        Differs(7, new CollectivePlan(StepRows.Ragged(27, 30), s_step.Plan.Entries), "the plan of rank 2 for step 7 is not that of rank 0: real rows are [27, 30] where rank 0 has [26, 30]");
        Differs(7, new CollectivePlan(StepRows.Uniform(26, 30), s_step.Plan.Entries), "the plan of rank 2 for step 7 is not that of rank 0: padded rows are [30, 30] where rank 0 has [26, 30]");
        Differs(6, s_step.Plan, "rank 2 begins step 6 where rank 0 begins step 7");
    }

    [Fact]
    public void A_tensor_of_another_size_than_the_plans_is_named()
    {
        using var world = new LoopbackWorld(PlannedStep.Layout);
        using var memory = new HostBuffer(1 << 12);
        var fault = Assert.Throws<MachineException>(() => world.Run(collectives =>
        {
            collectives.BeginStep(7, PlannedStep.Of(s_step.Dispatch));
            // The fault of unpadded sizes against padded tensors: 15 rows where the plan has 13.
            int rows = collectives.Rank == 1 ? 15 : PlannedStep.Shared[collectives.Rank];
            collectives.AllGather(s_step.Dispatch, memory.View(DType.BF16, new Shape(rows, 8)), memory.View(DType.BF16, new Shape(56, 8), 1 << 11));
        }));
        Assert.Equal("rank 1 brings bf16 [15, 8] as the own rows of seq 1 (all_gather, layer 11, dispatch) of step 7, where the plan has 13 rows of 8 bf16", fault.Message);
    }

    [Fact]
    public void Rows_beyond_the_planned_ones_and_rows_that_the_other_end_does_not_expect_are_named()
    {
        var layout = new ParallelLayout(2, 1, expert: false);
        PlannedCollective entry = PlannedCollective.AllToAll(layout, GroupKind.Tensor, DType.F32, [2, 2, 2, 2], 4, 3, CollectivePurpose.Dispatch);
        Assert.Matches(
            @"^rank 1 brings 3 rows for rank 0 and expects 1 in seq 1 \(all_to_all, layer 3, dispatch\) of step 0, where the plan has at most 2 and 2$",
            Fault([1, 1], [3, 1]));
        Assert.Matches(
            @"^rank 1 has 2 rows for rank 0 in all_to_all, layer 3, dispatch, where rank 0 expects 1$", Fault([1, 1], [2, 1]));

        string Fault(int[] first, int[] second)
        {
            using var world = new LoopbackWorld(layout);
            using var memory = new HostBuffer(1 << 10);
            return Assert.Throws<MachineException>(() => world.Run(collectives =>
            {
                int[] sent = collectives.Rank == 0 ? first : second;
                collectives.BeginStep(0, new CollectivePlan(StepRows.Ragged(2), [entry]));
                collectives.AllToAll(
                    entry, memory.View(DType.F32, new Shape(sent.Sum(), 4), collectives.Rank * 256), sent, memory.View(DType.F32, new Shape(2, 4), 512 + (collectives.Rank * 256)), [1, 1]);
            })).Message;
        }
    }

    [Fact]
    public void Gaps_between_rows_and_types_that_cannot_be_added_are_refused()
    {
        var layout = new ParallelLayout(1, 1, expert: false);
        using var memory = new HostBuffer(1 << 12);
        PlannedCollective sum = PlannedCollective.AllReduce(layout, GroupKind.Tensor, DType.F32, [2], 8), bytes = PlannedCollective.AllReduce(layout, GroupKind.Tensor, DType.I8, [2], 8);
        Tensor wide = memory.View(DType.F32, new Shape(2, 16));
        Refused(sum, wide.Columns(0, 8), "with gaps between its rows");
        Refused(bytes, memory.View(DType.I8, new Shape(2, 8)), "cannot add i8");
        Refused(sum, wide, "brings f32 [2, 16]");

        void Refused(PlannedCollective entry, Tensor tensor, string words)
        {
            using var world = new LoopbackWorld(layout);
            Assert.Contains(words, Assert.Throws<MachineException>(() => world.Run(collectives =>
            {
                collectives.BeginStep(0, new CollectivePlan(StepRows.Ragged(2), [entry]));
                collectives.AllReduce(entry, tensor);
            })).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Counts_that_do_not_fit_the_layout_are_refused()
    {
        Assert.Throws<ArgumentException>(() => PlannedCollective.AllGather(PlannedStep.Layout, GroupKind.Expert, DType.F32, [1, 2, 3], 8));
        Assert.Throws<ArgumentException>(() => PlannedCollective.AllGather(PlannedStep.Layout, GroupKind.Expert, DType.F32, [1, 2, 3, -1], 8));
        Assert.Throws<ArgumentException>(() => PlannedCollective.AllReduce(PlannedStep.Layout, GroupKind.Tensor, DType.F32, [1, 2, 3, 3], 8));
        Assert.Throws<ArgumentException>(() => PlannedCollective.AllToAll(PlannedStep.Layout, GroupKind.Tensor, DType.F32, [1, 2, 3, 3], 8));
        Assert.Throws<ArgumentException>(() => PlannedCollective.Broadcast(PlannedStep.Layout, GroupKind.Tensor, 2, DType.F32, [1, 1, 3, 3], 8));
        Assert.Throws<ArgumentException>(() => PlannedCollective.AllGather(PlannedStep.Layout, GroupKind.Expert, DType.F32, [1, 2, 3, 4], 0));
    }

    private static void Refuses(PlannedCollective[] wrong, int wrongRank, string pattern)
    {
        using var world = new LoopbackWorld(PlannedStep.Layout);
        var fault = Assert.Throws<MachineException>(() => world.Run(collectives =>
        {
            ((RankCollectives)collectives).FollowsPlans = false;
            var rank = new ScheduledRank(collectives, Schedule.Of(1, PlannedStep.Layout, steps: 1));
            rank.Run(7, collectives.Rank == wrongRank ? PlannedStep.Of([.. wrong]) : s_step.Plan);
            rank.Run(8, s_step.Plan);
        }));
        Assert.Matches(pattern, fault.Message);
    }

    private static void Strays(PlannedCollective? instead, string pattern)
    {
        using var world = new LoopbackWorld(PlannedStep.Layout);
        var fault = Assert.Throws<MachineException>(() => world.Run(collectives => s_step.Stray(collectives, instead)));
        Assert.Matches(pattern, fault.Message);
    }

    private static void Differs(long step, CollectivePlan wrong, string expected)
    {
        using var world = new LoopbackWorld(PlannedStep.Layout);
        var fault = Assert.Throws<MachineException>(() => world.Run(collectives => s_step.Differ(collectives, step, wrong)));
        Assert.Equal(expected, fault.Message);
    }
}
