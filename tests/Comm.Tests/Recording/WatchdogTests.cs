using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>Ranks that are threads: late, too late, stopped, gone astray. Each dump alone names the culprit.</summary>
public sealed class WatchdogTests
{
    private static readonly ParallelLayout s_layout = new(tensor: 2, data: 2, expert: true);
    private static readonly Schedule s_schedule = Schedule.Of(11, s_layout, steps: 4, collectives: 6);

    [Fact]
    public void A_rank_below_the_limit_changes_nothing()
    {
        ulong[] calm = LoopbackTests.Run(s_schedule, null);
        using var world = new LoopbackWorld(s_layout);
        using Watchdog watchdog = world.Watch(TimeSpan.FromSeconds(60));
        ulong[] results = new ulong[s_layout.Ranks];
        world.Run(collectives =>
        {
            var rank = new ScheduledRank(collectives, s_schedule)
            {
                Fault = (step, index) =>
                {
                    Thread.Sleep((step + index + collectives.Rank) % 5 == 0 ? 15 : 0);
                    return false;
                },
            };
            rank.Run();
            results[collectives.Rank] = rank.Result;
        });
        Assert.Equal(calm, results);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_rank_above_the_limit_is_named_and_all_others_end(int late)
    {
        using var world = new LoopbackWorld(s_layout);
        using Standstill watch = Watch(world, late, out Func<FlightDump?> dump);
        using var stopped = new ManualResetEventSlim();
        int ended = 0;
        var fault = Assert.Throws<MachineException>(() => world.Run(collectives =>
        {
            try
            {
                new ScheduledRank(collectives, s_schedule)
                {
                    Fault = (step, index) =>
                    {
                        if (step == 2 && index == 3 && collectives.Rank == late)
                        {
                            watch.Stand();
                            stopped.Wait();
                        }

                        return false;
                    },
                }.Run();
            }
            finally
            {
                // The one that stands still goes on when all others have ended.
                if (Interlocked.Increment(ref ended) == s_layout.Ranks - 1)
                {
                    stopped.Set();
                }
            }
        }));
        PlannedCollective entry = s_schedule.Steps[2].Entries[3];
        Assert.Matches($@"^rank {late} never submitted seq 4 \({Names.Use(entry.Kind, entry.Layer, entry.Purpose)}\) of step 2; ranks? .* wait.* there since \d+\.\d s; rank {late} is at step 2, seq 3 ", fault.Message);
        Culprit(dump(), late);
    }

    [Fact]
    public void A_rank_that_stands_still_after_all_have_come_is_named()
    {
        using var released = new ManualResetEventSlim();
        int pauses = 0;
        Standstill? watch = null;

        // The second pause of a collective is within it.
        using var world = new LoopbackWorld(s_layout, rank =>
        {
            if (rank == 1 && ++pauses == 8)
            {
                watch!.Stand();
                released.Wait();
            }
        });
        using Standstill watching = watch = Watch(world, 1, out Func<FlightDump?> dump);
        world[0].TellFault(_ => released.Set());
        var fault = Assert.Throws<MachineException>(() => world.Run(collectives => new ScheduledRank(collectives, s_schedule).Run()));
        Assert.Matches(@"^every rank of .* submitted seq 3 \(.*\) of step 0, but rank 1 did not finish it since \d+\.\d s: it stands still in it", fault.Message);
        Culprit(dump(), 1);
    }

    [Fact]
    public void A_self_test_that_hangs_says_what_usually_helps()
    {
        using var world = new LoopbackWorld(s_layout);
        using Standstill watch = Watch(world, 1, out _);
        using var stopped = new ManualResetEventSlim();
        int ended = 0;
        var fault = Assert.Throws<MachineException>(() => world.Run(collectives =>
        {
            try
            {
                if (collectives.Rank == 1)
                {
                    collectives.BeginStep(0, CommSelfTest.Plan(s_layout));
                    watch.Stand();
                    stopped.Wait();
                }

                CommSelfTest.Run(collectives);
            }
            finally
            {
                if (Interlocked.Increment(ref ended) == s_layout.Ranks - 1)
                {
                    stopped.Set();
                }
            }
        }));
        Assert.Contains("rank 1 never submitted seq 1 (all_reduce, self-test) of step 0", fault.Message, StringComparison.Ordinal);
        Assert.Contains("usual causes are GPUs without peer-to-peer access", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, 30)]
    [InlineData("2", 2)]
    [InlineData("0.5", 0.5)]
    public void The_limit_is_seconds(string? option, double seconds) => Assert.Equal(TimeSpan.FromSeconds(seconds), Watchdog.Limit(option));

    [Theory]
    [InlineData("0")]
    [InlineData("-3")]
    [InlineData("soon")]
    [InlineData("1e9")]
    public void A_limit_that_is_none_is_refused(string option) =>
        Assert.Contains($"--watchdog is '{option}'", Assert.Throws<InputException>(() => Watchdog.Limit(option)).Message, StringComparison.Ordinal);

    // Through a file, as lean diagnose reads it.
    internal static void Culprit(FlightDump? dump, int rank)
    {
        string path = Path.GetTempFileName();
        dump!.Save(path);
        Assert.Equal([rank], Verdict.Of(FlightDump.Load(path)).Culprits);
        File.Delete(path);
    }

    private static Standstill Watch(LoopbackWorld world, int late, out Func<FlightDump?> kept)
    {
        FlightDump? dump = null;
        kept = () => dump;
        return new Standstill(world, late, () => new Watchdog(
            TimeSpan.FromSeconds(0.3), Enumerable.Range(0, s_layout.Ranks).Select(rank => world[rank].Recorder), reason => dump = world.Dump(reason), world.Abort));
    }
}
