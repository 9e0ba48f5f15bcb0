using System.Collections.Immutable;
using System.Net;
using System.Text;
using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>What ranks are seen to do from outside.</summary>
public sealed class RankStatusTests
{
    [Fact]
    public void Times_are_counted_in_buckets_that_double()
    {
        var counts = new TimeCounts();
        foreach (long nanoseconds in (long[])[0, 1, 1024, 1025, 2048, 2049, 1_000_000, 20_000_000_000, long.MaxValue / 4, -5])
        {
            counts.Add(nanoseconds);
        }

        CollectiveTimes times = counts.Read();
        Assert.Equal(4, times.Counts[0]);
        Assert.Equal((2, 1), (times.Counts[1], times.Counts[2]));
        Assert.Equal(2, times.Counts[^1]);
        Assert.Equal(10, times.Count);
        foreach (long nanoseconds in (long[])[1, 1000, 1024, 1025, 5_000, 1_048_576, 1_048_577, 9_999_999_999])
        {
            int bucket = CollectiveTimes.BucketOf(nanoseconds);
            Assert.True(nanoseconds * 1e-9 <= CollectiveTimes.BoundOf(bucket) && (bucket == 0 || nanoseconds * 1e-9 > CollectiveTimes.BoundOf(bucket - 1)), $"{nanoseconds} ns in bucket {bucket}");
        }
    }

    [Fact]
    public void A_rank_that_is_always_late_is_the_one_that_waits_least()
    {
        var layout = new ParallelLayout(2, 1, expert: false);
        PlannedCollective sum = PlannedCollective.AllReduce(layout, GroupKind.Tensor, DType.F32, [1, 1], 4, 3, CollectivePurpose.Mlp);
        var plan = new CollectivePlan(StepRows.Ragged(1), [sum]);
        using var world = new LoopbackWorld(layout);
        Assert.All(world.Ranks(), static rank => Assert.Equal((null, 0L, 0.0), (rank.Last, rank.Latency.Count, rank.Since)));
        world.Run(collectives =>
        {
            using var memory = new HostBuffer(16);
            for (int step = 0; step < 5; step++)
            {
                Follow(step, 0);
                collectives.BeginStep(step, plan);
                Follow(step, 1);
                collectives.AllReduce(sum, memory.View(DType.F32, new Shape(1, 4)));

                // Rank 0 is always there first, and for a while.
                void Follow(int step, int seq)
                {
                    while (collectives.Rank == 1 && !(world[0].Recorder.Last() is { } at && (at.Step, at.Seq) == (step, seq)))
                    {
                        Thread.Sleep(1);
                    }

                    Thread.Sleep(collectives.Rank == 1 ? 10 : 0);
                }
            }
        });
        ImmutableArray<RankStatus> ranks = world.Ranks();
        Assert.All(ranks, static rank =>
        {
            Assert.Equal((RankState.Answered, 10L, 10L), (rank.State, rank.Latency.Count, rank.Waits.Count));
            Assert.Equal((4L, 1, "all_reduce, layer 3, mlp"), (rank.Last!.Value.Step, rank.Last.Value.Seq, rank.Last.Value.Use));
            Assert.False(rank.IsInCollective);
            Assert.True(rank.Latency.Nanoseconds >= rank.Waits.Nanoseconds);
        });
        Assert.Equal(0, ranks[0].Skew(ranks));
        Assert.True(ranks[1].Skew(ranks) > 0.005, $"{ranks[1].Skew(ranks)}");
        Assert.Null(world.Verdict);
        world.Abort("enough");
        Assert.Equal("enough", world.Verdict);
    }

    [Fact]
    public async Task Rank_0_knows_other_processes_by_their_signs_of_life()
    {
        var layout = new ParallelLayout(2, 1, expert: false);
        byte[] secret = Encoding.UTF8.GetBytes("a secret that all ranks know");
        using var world = new LoopbackWorld(layout);
        using var coordinator = new Coordinator(2, new IPEndPoint(IPAddress.Loopback, 0), secret, "build");
        IRankStatus status = coordinator;
        Assert.Equal([RankState.Answered, RankState.NeverCame], status.Ranks().Select(static r => r.State));
        Task<ControlMember> joining = Task.Run(() => new ControlMember(1, 2, [new IPEndPoint(IPAddress.Loopback, coordinator.Port)], secret, "build", TimeSpan.FromSeconds(20)), TestContext.Current.CancellationToken);
        coordinator.Gather(TimeSpan.FromSeconds(20));
        ControlMember member = await joining;
        coordinator.Attach((RankCollectives)world[0], TimeSpan.FromSeconds(4));
        member.Attach((RankCollectives)world[1], TimeSpan.FromSeconds(4));
        PlannedCollective sum = PlannedCollective.AllReduce(layout, GroupKind.Tensor, DType.F32, [1, 1], 4, 3, CollectivePurpose.Mlp);
        world.Run(collectives =>
        {
            using var memory = new HostBuffer(16);
            collectives.BeginStep(6, new CollectivePlan(StepRows.Ragged(1), [sum]));
            collectives.AllReduce(sum, memory.View(DType.F32, new Shape(1, 4)));
        });
        await Until(() => status.Ranks()[1] is { State: RankState.Answered, Latency.Count: 2, Last: { Step: 6, Seq: 1, Finished: > 0 } });
        Assert.Equal((layout, "loopback", null), (status.Layout, status.Transport, status.Verdict));
        member.Dispose();
        await Until(() => status.Ranks()[1].State == RankState.Gone);
    }

    private static async Task Until(Func<bool> condition)
    {
        for (int i = 0; !condition(); i++)
        {
            Assert.True(i < 1000, "it did not come to that in 20 s");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }
}
