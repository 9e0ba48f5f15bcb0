using System.Diagnostics;
using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>Ranks with devices of which one does something else, stays away or stands still: all end, and name it.</summary>
[Collection(nameof(StandInDevices))]
public sealed class CclFaultTests
{
    private static readonly PlannedStep s_step = new(DType.F32);

    [Fact]
    public void Plans_that_differ_are_refused_with_the_first_difference_and_nobody_waits_for_the_device()
    {
        Differs(7, PlannedStep.Of(s_step.Attention, s_step.DispatchPadded, s_step.Combine),
            "the plan of rank 2 for step 7 is not that of rank 0: seq 2 is all_gather, layer 11, dispatch: bf16 rows [15, 15, 15, 15] of 8 over ep where rank 0 has all_gather, layer 11, dispatch: bf16 rows [13, 13, 15, 15] of 8 over ep");
        Differs(7, new CollectivePlan(StepRows.Ragged(27, 30), s_step.Plan.Entries), "the plan of rank 2 for step 7 is not that of rank 0: real rows are [27, 30] where rank 0 has [26, 30]");
        Differs(6, s_step.Plan, "rank 2 begins step 6 where rank 0 begins step 7");
    }

    [Fact]
    public void A_rank_that_strays_from_its_own_plan_is_stopped_at_once()
    {
        Strays(s_step.Combine, @"^rank 2 came to reduce_scatter, layer 11, combine as seq 2 of step 7, where the plan has all_gather, layer 11, dispatch$");
        Strays(s_step.DispatchF32, @"^rank 2 came to all_gather, layer 11, dispatch as seq 2 of step 7, where the plan has all_gather, layer 11, dispatch$");
        Strays(null, @"^rank 2 left step 7 early: it never submitted seq 2 \(all_gather, layer 11, dispatch\), the plan's next of 3$");
    }

    // Beyond the plan nothing on the host tells: devices wait for each other, and the watchdog reads the rings.
    [Fact]
    public void A_wrong_count_type_order_or_a_skip_is_named_by_the_watchdog()
    {
        Hangs(rank => rank.Run(7, PlannedStep.Of(s_step.Attention, s_step.DispatchF32, s_step.Combine)), 1, "rank 1 submitted all_gather, layer 11, dispatch: f32 rows 13 of 56, width 8 as seq 2 of step 7, where ranks 0, 2, 3 submitted all_gather, layer 11, dispatch: bf16 rows 13 of 56, width 8");
        Hangs(rank => rank.Run(7, PlannedStep.Of(s_step.Attention, s_step.Combine, s_step.Dispatch)), 3, "rank 3 submitted reduce_scatter, layer 11, combine: f32 rows 15 of 56, width 8 as seq 2 of step 7, where ranks 0, 1, 2 submitted all_gather");
        Hangs(rank => rank.Run(7, PlannedStep.Of(s_step.Attention)), 0, "rank 0 never submitted seq 2 (all_gather, layer 11, dispatch) of step 7; ranks 1, 2, 3 wait there since");
    }

    [Fact]
    public void A_rank_that_does_not_come_is_named_and_what_waits_for_it_is_aborted_on_every_device()
    {
        string fault = Watch(CclKind.Nccl, 1, new ManualResetEventSlim(), (rank, late) =>
        {
            if (rank.Rank == 1)
            {
                late.Wait();
            }
        });
        Assert.Matches(@"^rank 1 never submitted seq 2 \(all_gather, layer 11, dispatch\) of step 7; ranks 0, 2, 3 wait there since \d+\.\d s; rank 1 is at step 7, seq 1 \(all_reduce, layer 11, attention\), finished \d+\.\d s ago \(see lean diagnose .*\.ring\)$", fault);
        Assert.Equal(12, StandInDevices.Of(CclKind.Nccl).Aborts());
        Assert.Empty(StandInDevices.Of(CclKind.Nccl).Report());
    }

    [Fact]
    public void A_device_that_stands_still_before_its_collective_is_named_though_its_rank_has_submitted_everything()
    {
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        string fault = Watch(CclKind.Nccl, 3, new ManualResetEventSlim(), (rank, _) =>
        {
            if (rank.Rank == 3)
            {
                ((StandInDevice)rank.Device!).Hold();
            }
        }, all.LetGo);
        Assert.Matches(@"^rank 3 submitted seq 2 \(all_gather, layer 11, dispatch\) of step 7, but its device has not come to it; ranks 0, 1, 2 wait there since \d+\.\d s; the device of rank 3 stands (in or )?behind seq 1 \(all_reduce, layer 11, attention\) of step 7, which it came to \d+\.\d s ago \(see", fault);
        Assert.Empty(all.Report());
    }

    [Fact]
    public void Without_an_abort_the_run_ends_though_ranks_stay_in_the_library()
    {
        // A library of its own: what stays in it is not for other tests.
        string fault = Watch(CclKind.OneCcl, 1, new ManualResetEventSlim(), (rank, late) =>
        {
            if (rank.Rank == 1)
            {
                late.Wait();
            }
        }, all: StandInDevices.New(CclKind.OneCcl));
        Assert.StartsWith("rank 1 never submitted seq 2 (all_gather, layer 11, dispatch) of step 7; ranks 0, 2, 3 wait there since", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_that_cannot_be_opened_and_a_rank_that_takes_too_long_are_told()
    {
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        var waited = Stopwatch.StartNew();
        using (CclWorld world = CclWorldTests.World(all, PlannedStep.Layout, made: static device => _ = device.Index == 2 ? throw new MachineException("cuda:2 is taken by another process") : 0))
        {
            Assert.Equal("cuda:2 is taken by another process", Assert.Throws<MachineException>(() => world.Run(static _ => { })).Message);
            Assert.Equal("rank 2 ended in an error: cuda:2 is taken by another process", Assert.Throws<MachineException>(() => world[0].BeginStep(1, s_step.Plan)).Message);
        }

        // The limit begins for all others at once, however late their threads are.
        using var late = new ManualResetEventSlim();
        using var others = new CountdownEvent(3);
        using (CclWorld world = CclWorldTests.World(all, PlannedStep.Layout, limit: TimeSpan.FromSeconds(0.5), made: device =>
        {
            if (device.Index == 1)
            {
                _ = late.Wait(CclWorld.JoinLimit);
                return;
            }

            _ = others.Signal();
            others.Wait();
        }))
        {
            world[0].TellFault(_ => late.Set());
            Assert.Matches(@"^rank 1 of 4 did not open a device within 0\.5 s; rank \d waits$", Assert.Throws<MachineException>(() => world.Run(static _ => { })).Message);
        }

        Assert.True(waited.Elapsed < CclWorld.JoinLimit);
        _ = all.Report();
    }

    [Fact]
    public void An_error_that_the_library_reports_later_is_told_when_the_step_is_waited_for()
    {
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        try
        {
            using CclWorld world = CclWorldTests.World(all, PlannedStep.Layout);
            var fault = Assert.Throws<MachineException>(() => world.Run(collectives =>
            {
                var rank = new ScheduledRank(collectives, Schedule.Of(1, PlannedStep.Layout, steps: 1));
                rank.Run(7, s_step.Plan);
                all.Fault(6);
                collectives.Check();
            }));
            Assert.Matches(@"^rank \d: ncclCommGetAsyncError failed: some error \(6\): peer 1 went away$", fault.Message);
        }
        finally
        {
            all.Fault(0);
        }

        Assert.Empty(all.Report());
    }

    private static void Differs(long step, CollectivePlan wrong, string expected)
    {
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        using (CclWorld world = CclWorldTests.World(all, PlannedStep.Layout))
        {
            var fault = Assert.Throws<MachineException>(() => world.Run(collectives => s_step.Differ(collectives, step, wrong)));
            Assert.Equal(expected, world.Verdict);
            Assert.Equal(expected, fault.Message);
        }

        Assert.Empty(all.Report());
    }

    private static void Strays(PlannedCollective? instead, string pattern)
    {
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        using (CclWorld world = CclWorldTests.World(all, PlannedStep.Layout))
        {
            var fault = Assert.Throws<MachineException>(() => world.Run(collectives => s_step.Stray(collectives, instead)));
            Assert.Matches(pattern, fault.Message);
        }

        Assert.Empty(all.Report());
    }

    private static void Hangs(Action<ScheduledRank> wrong, int wrongRank, string expected)
    {
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        using var late = new ManualResetEventSlim();
        string fault = Watch(CclKind.Nccl, wrongRank, late, (_, _) => { }, run: (collectives, watch) =>
        {
            ((RankCollectives)collectives).FollowsPlans = false;
            var rank = new ScheduledRank(collectives, Schedule.Of(1, PlannedStep.Layout, steps: 1))
            {
                Fault = (_, index) =>
                {
                    if (index == 1 && collectives.Rank == wrongRank)
                    {
                        watch.Stand();
                    }

                    return false;
                },
            };
            if (collectives.Rank != wrongRank)
            {
                rank.Run(7, s_step.Plan);
                return;
            }

            wrong(rank);
            watch.Stand();
            late.Wait();
            collectives.Check();
        });
        Assert.StartsWith(expected, fault, StringComparison.Ordinal);
        _ = all.Report();
    }

    // Runs step 7 under a watchdog; gives the sentence in which the run ended.
    private static string Watch(
        CclKind kind, int wrong, ManualResetEventSlim late, Action<CclCollectives, ManualResetEventSlim> beforeDispatch, Action? atFault = null, Action<ICollectives, Standstill>? run = null, StandInDevices? all = null)
    {
        all ??= StandInDevices.Of(kind);
        _ = all.Aborts();
        using CclWorld world = CclWorldTests.World(all, PlannedStep.Layout);
        using var watch = new Standstill(world, wrong, () => world.Watch(TimeSpan.FromSeconds(0.6)));
        world[0].TellFault(_ =>
        {
            atFault?.Invoke();
            late.Set();
        });
        run ??= (collectives, _) => new ScheduledRank(collectives, Schedule.Of(1, PlannedStep.Layout, steps: 1))
        {
            Fault = (_, index) =>
            {
                if (index == 1)
                {
                    if (collectives.Rank == wrong)
                    {
                        watch.Stand();
                    }

                    beforeDispatch((CclCollectives)collectives, late);
                }

                return false;
            },
        }.Run(7, s_step.Plan);
        return Assert.Throws<MachineException>(() => world.Run(collectives => run(collectives, watch))).Message;
    }
}
