using System.Globalization;
using Lean.Tensors;

namespace Lean.Comm.Tests;

public sealed class LoopbackTests
{
    private static readonly ParallelLayout s_four = new(tensor: 2, data: 2, expert: true);

    /// <summary>How many random schedules are run; bench/schedules.sh asks for more.</summary>
    private static int Schedules => int.TryParse(Environment.GetEnvironmentVariable("LEAN_COMM_SCHEDULES"), NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 200;

    [Fact]
    public void Random_schedules_under_random_delays_end_and_give_what_they_give_without()
    {
        for (int seed = 0; seed < Schedules; seed++)
        {
            Schedule schedule = Schedule.Of(seed);
            ulong[] calm = Run(schedule, null), delayed = Run(schedule, Delay(seed));
            Assert.Equal(calm, delayed);
        }
    }

    [Fact]
    public void A_reduction_adds_in_the_order_of_ranks_and_rounds_once()
    {
        // 2²⁴ + 1 + 1 in f32 is 2²⁴ by ranks and 2²⁴ + 2 from the other end; bf16 keeps 8 bits, so 256 + 1 + 1 + … tells roundings apart.
        Assert.Equal([16777216f, 16777216f, 16777216f], Sums(DType.F32, [16777216f, 1f, 1f]));
        Assert.Equal([16777218f, 16777218f, 16777218f], Sums(DType.F32, [1f, 1f, 16777216f]));
        Assert.Equal([258f, 258f, 258f], Sums(DType.BF16, [256f, 1f, 1f]));
    }

    [Fact]
    public void Warm_collectives_allocate_nothing()
    {
        using var world = new LoopbackWorld(s_four);
        StepRows rows = StepRows.Ragged(3, 1);
        CollectivePlan plan = new(rows, [
            PlannedCollective.AllReduce(s_four, GroupKind.Tensor, DType.BF16, rows.PerReplica(s_four), 64, 0, CollectivePurpose.Attention),
            PlannedCollective.AllGather(s_four, GroupKind.Expert, DType.F32, rows.Shared(s_four), 64, 0, CollectivePurpose.Dispatch),
            PlannedCollective.ReduceScatter(s_four, GroupKind.Expert, DType.F32, rows.Shared(s_four), 64, 0, CollectivePurpose.Combine)]);
        long[] allocated = new long[s_four.Ranks];
        world.Run(collectives =>
        {
            using var memory = new HostBuffer(1 << 16);
            Tensor data = memory.View(DType.BF16, new Shape(rows.PerReplica(s_four)[collectives.Rank], 64));
            Tensor own = memory.View(DType.F32, new Shape(rows.Shared(s_four)[collectives.Rank], 64), 1 << 12), all = memory.View(DType.F32, new Shape(4, 64), 1 << 13);
            for (int step = 0; step < 300; step++)
            {
                if (step == 200)
                {
                    allocated[collectives.Rank] = GC.GetAllocatedBytesForCurrentThread();
                }

                collectives.BeginStep(step, plan);
                collectives.AllReduce(plan.Entries[0], data);
                collectives.AllGather(plan.Entries[1], own, all);
                collectives.ReduceScatter(plan.Entries[2], all, own);
            }

            allocated[collectives.Rank] = GC.GetAllocatedBytesForCurrentThread() - allocated[collectives.Rank];
        });
        Assert.Equal([0, 0, 0, 0], allocated);
    }

    [Fact]
    public void A_rank_that_throws_ends_all()
    {
        using var world = new LoopbackWorld(s_four);
        Schedule schedule = Schedule.Of(5, s_four, steps: 4);
        var fault = Assert.Throws<InvalidOperationException>(() => world.Run(collectives => new ScheduledRank(collectives, schedule)
        {
            Fault = (step, index) => step == 2 && index == 0 && collectives.Rank == 1 ? throw new InvalidOperationException("out of luck") : false,
        }.Run()));
        Assert.Equal("out of luck", fault.Message);
        var later = Assert.Throws<MachineException>(() => world[0].BeginStep(9, schedule.Steps[0]));
        Assert.Equal("rank 1 ended in an error: out of luck", later.Message);
    }

    [Fact]
    public void A_rank_that_leaves_is_not_waited_for()
    {
        using var world = new LoopbackWorld(s_four);
        Schedule schedule = Schedule.Of(5, s_four, steps: 2);
        var fault = Assert.Throws<MachineException>(() => world.Run(collectives =>
        {
            var rank = new ScheduledRank(collectives, schedule);
            rank.Run(0, schedule.Steps[0]);
            if (collectives.Rank != 3)
            {
                rank.Run(1, schedule.Steps[1]);
            }
        }));
        Assert.Matches("^rank 3 ended before seq 0 \\(all_gather, plan\\) of step 1, where rank [0-2] waits$", fault.Message);
    }

    internal static ulong[] Run(Schedule schedule, Action<int>? pause)
    {
        using var world = new LoopbackWorld(schedule.Layout, pause);
        ulong[] results = new ulong[schedule.Layout.Ranks];
        world.Run(collectives =>
        {
            var rank = new ScheduledRank(collectives, schedule);
            rank.Run();
            results[collectives.Rank] = rank.Result;
        });
        return results;
    }

    // Mostly a few turns of other threads, now and then a real sleep; each rank has random numbers of its own.
    private static Action<int> Delay(int seed)
    {
        Random[] random = [.. Enumerable.Range(0, 8).Select(rank => new Random((seed * 8) + rank))];
        return rank =>
        {
            switch (random[rank].Next(40))
            {
                case 0:
                    Thread.Sleep(1);
                    break;
                case < 12:
                    Thread.Yield();
                    break;
                case < 24:
                    Thread.SpinWait(random[rank].Next(2000));
                    break;
                default:
                    break;
            }
        };
    }

    private static float[] Sums(DType type, float[] parts)
    {
        var layout = new ParallelLayout(parts.Length, 1, expert: false);
        using var world = new LoopbackWorld(layout);
        PlannedCollective entry = PlannedCollective.AllReduce(layout, GroupKind.Tensor, type, [.. parts.Select(static _ => 1)], 1);
        CollectivePlan plan = new(StepRows.Ragged(1), [entry]);
        float[] sums = new float[parts.Length];
        world.Run(collectives =>
        {
            using var memory = new HostBuffer(sizeof(float));
            Tensor data = memory.View(type, new Shape(1, 1));
            if (type == DType.F32)
            {
                data.AsSpan<float>()[0] = parts[collectives.Rank];
            }
            else
            {
                data.AsSpan<ushort>()[0] = DTypes.F32ToBF16(parts[collectives.Rank]);
            }

            collectives.BeginStep(0, plan);
            collectives.AllReduce(entry, data);
            sums[collectives.Rank] = type == DType.F32 ? data.AsSpan<float>()[0] : DTypes.BF16ToF32(data.AsSpan<ushort>()[0]);
        });
        return sums;
    }
}
