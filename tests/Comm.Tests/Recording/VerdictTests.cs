using System.Collections.Immutable;
using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>The verdict that a person would reach by reading logs, from rings made by hand.</summary>
public sealed class VerdictTests
{
    private const long Second = 1_000_000_000;
    private const long Now = 1000 * Second;
    private static readonly ParallelLayout s_layout = new(tensor: 2, data: 2, expert: true);

    [Fact]
    public void A_rank_that_never_submitted_is_named_with_where_it_is()
    {
        FlightRecord waits = Record(1207, 41, CollectiveKind.AllGather, GroupKind.Expert, CollectivePurpose.Dispatch, submitted: Now - (123 * Second / 10));
        FlightRecord done = Record(1206, 212, CollectiveKind.ReduceScatter, GroupKind.Expert, CollectivePurpose.Combine, submitted: Now - (13 * Second), finished: Now - (124 * Second / 10));
        Verdict verdict = Of([done, waits], [done, waits], [done], [done, waits]);
        Assert.Equal(
            "rank 2 never submitted seq 41 (all_gather, layer 11, dispatch) of step 1207; ranks 0, 1, 3 wait there since 12.3 s; rank 2 is at step 1206, seq 212 (reduce_scatter, layer 11, combine), finished 12.4 s ago",
            verdict.Sentence);
        Assert.Equal((1207, 41), (verdict.Step, verdict.Seq));
        Assert.Equal([2], verdict.Culprits);
    }

    [Fact]
    public void What_others_wait_for_later_is_not_the_cause()
    {
        // Rank 3 holds up rank 2 in their TP group, and both hold up the experts' group.
        FlightRecord experts = Record(5, 9, CollectiveKind.AllGather, GroupKind.Expert, CollectivePurpose.Dispatch, Now - (2 * Second));
        FlightRecord attention = Record(5, 8, CollectiveKind.AllReduce, GroupKind.Tensor, CollectivePurpose.Attention, Now - Second);
        FlightRecord passed = attention with { Finished = Now - (2 * Second) };
        Verdict verdict = Of([passed, experts], [passed, experts], [attention], []);
        Assert.StartsWith("rank 3 never submitted seq 8 (all_reduce, layer 11, attention) of step 5; rank 2 waits there since 1.0 s; rank 3 has submitted nothing yet", verdict.Sentence, StringComparison.Ordinal);
        Assert.Equal([3], verdict.Culprits);
    }

    [Fact]
    public void A_collective_on_its_way_through_does_not_hide_the_one_that_is_stuck()
    {
        FlightRecord stuck = Record(5, 9, CollectiveKind.AllGather, GroupKind.Expert, CollectivePurpose.Dispatch, Now - (30 * Second));
        FlightRecord quick = Record(5, 3, CollectiveKind.AllReduce, GroupKind.Tensor, CollectivePurpose.Attention, Now - 1000);
        Verdict verdict = Of([quick with { Finished = Now }, stuck], [quick with { Finished = Now }, stuck], [quick], [quick]);
        Assert.Equal([2, 3], verdict.Culprits);
        Assert.StartsWith("ranks 2, 3 never submitted seq 9", verdict.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Ranks_that_all_came_and_do_not_finish_blame_the_transport()
    {
        FlightRecord stuck = Record(5, 9, CollectiveKind.AllGather, GroupKind.Expert, CollectivePurpose.Dispatch, Now - (30 * Second));
        Verdict verdict = Of([stuck], [stuck with { Finished = Now - Second }], [stuck], [stuck]);
        Assert.Equal("every rank of ep {0, 1, 2, 3} submitted seq 9 (all_gather, layer 11, dispatch) of step 5, but ranks 0, 2, 3 did not finish it since 30.0 s: mpi does not move the data", verdict.Sentence);
        Assert.Empty(verdict.Culprits);
    }

    // All is queued long before devices come to it; what follows waits with it.
    [Fact]
    public void A_device_that_stands_still_before_its_collective_is_told_from_those_that_wait_there()
    {
        FlightRecord before = Record(5, 8, CollectiveKind.AllReduce, GroupKind.Tensor, CollectivePurpose.Attention, Now - (40 * Second)) with { Reached = Now - (31 * Second) };
        FlightRecord stuck = Record(5, 9, CollectiveKind.AllGather, GroupKind.Expert, CollectivePurpose.Dispatch, Now - (40 * Second)) with { Reached = Now - (30 * Second) };
        FlightRecord later = Record(5, 10, CollectiveKind.ReduceScatter, GroupKind.Expert, CollectivePurpose.Combine, Now - (40 * Second)) with { Reached = 0 };
        FlightRecord passed = before with { Finished = Now - (30 * Second) };
        Verdict verdict = Of([passed, stuck, later], [passed, stuck, later], [before, stuck with { Reached = 0 }, later], [passed, stuck, later]);
        Assert.Equal(
            "rank 2 submitted seq 9 (all_gather, layer 11, dispatch) of step 5, but its device has not come to it; ranks 0, 1, 3 wait there since 30.0 s; the device of rank 2 stands in or behind seq 8 (all_reduce, layer 11, attention) of step 5, which it came to 31.0 s ago",
            verdict.Sentence);
        Assert.Equal([2], verdict.Culprits);
        Assert.Equal((5, 9), (verdict.Step, verdict.Seq));

        Assert.StartsWith("ranks 0, 1, 2, 3 submitted seq 9 (all_gather, layer 11, dispatch) of step 5, but their devices have not come to it; the device of rank 0 has come to no collective yet",
            Of([.. Enumerable.Repeat<FlightRecord[]>([stuck with { Reached = 0 }], 4)]).Sentence, StringComparison.Ordinal);
    }

    // The device counts as it comes to a collective: whether it is through with the last one it came to, others tell.
    [Fact]
    public void A_rank_that_goes_no_further_than_what_all_others_have_finished_is_named_by_what_it_did_not_submit()
    {
        FlightRecord before = Record(5, 8, CollectiveKind.AllGather, GroupKind.Expert, CollectivePurpose.Attention, Now - (31 * Second));
        FlightRecord stuck = Record(5, 9, CollectiveKind.AllGather, GroupKind.Expert, CollectivePurpose.Dispatch, Now - (30 * Second));
        FlightRecord passed = before with { Finished = Now - (30 * Second) };
        Assert.StartsWith("rank 2 never submitted seq 9", Of([passed, stuck], [passed, stuck], [before], [passed, stuck]).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rank_that_submitted_something_else_is_told_from_the_many()
    {
        FlightRecord right = Record(5, 9, CollectiveKind.AllGather, GroupKind.Expert, CollectivePurpose.Dispatch, Now - Second);
        FlightRecord wrong = right with { Kind = CollectiveKind.ReduceScatter, Purpose = CollectivePurpose.Combine, Digest = 2 };
        Verdict verdict = Of([wrong], [right], [right], [right]);
        Assert.Equal(
            "rank 0 submitted reduce_scatter, layer 11, combine: bf16 rows 13 of 56, width 2048 as seq 9 of step 5, where ranks 1, 2, 3 submitted all_gather, layer 11, dispatch: bf16 rows 13 of 56, width 2048",
            verdict.Sentence);
        Assert.Equal([0], verdict.Culprits);
    }

    [Theory]
    [InlineData(RankState.Gone, "rank 2 is gone (its process ended); ranks 0, 1, 3 wait in seq 9 (all_gather, layer 11, dispatch) of step 5 since 1.0 s; rank 2 was last seen at step 5, seq 8 (all_gather, layer 11, dispatch)")]
    [InlineData(RankState.Silent, "rank 2 does not answer since 2.5 s (stopped, or out of reach); ranks 0, 1, 3 wait in seq 9 (all_gather, layer 11, dispatch) of step 5 since 1.0 s; rank 2 was last seen at step 5, seq 8 (all_gather, layer 11, dispatch)")]
    [InlineData(RankState.NeverCame, "rank 2 of 4 never came; ranks 0, 1, 3 wait in seq 9 (all_gather, layer 11, dispatch) of step 5 since 1.0 s")]
    public void A_rank_that_is_not_there_is_the_cause(RankState state, string expected)
    {
        FlightRecord waits = Record(5, 9, CollectiveKind.AllGather, GroupKind.Expert, CollectivePurpose.Dispatch, Now - Second);
        ImmutableArray<RankReport> reports = [.. Enumerable.Range(0, 4).Select(rank => rank == 2
            ? new RankReport(rank, state, 5 * Second / 2, state == RankState.NeverCame ? [] : [waits with { Seq = 8 }])
            : new RankReport(rank, RankState.Answered, Now, [waits]))];
        Verdict verdict = Verdict.Of(Dump(reports));
        Assert.Equal(expected, verdict.Sentence);
        Assert.Equal([2], verdict.Culprits);
    }

    [Fact]
    public void Rings_that_show_nothing_leave_the_reason() =>
        Assert.Equal("because", Of([], [], [], []).Sentence);

    internal static FlightRecord Record(long step, int seq, CollectiveKind kind, GroupKind group, CollectivePurpose purpose, long submitted, long finished = 0) =>
        new(step, seq, kind, group, DType.BF16, purpose, 11, 13, 56, 2048, (ulong)((step * 1000) + seq), submitted, submitted, finished, finished);

    internal static FlightDump Dump(ImmutableArray<RankReport> reports) => new(DateTimeOffset.UnixEpoch, "0.1.0/test", s_layout, "mpi", "because", reports);

    private static Verdict Of(params FlightRecord[][] rings) =>
        Verdict.Of(Dump([.. rings.Select(static (records, rank) => new RankReport(rank, RankState.Answered, Now, [.. records]))]));
}
