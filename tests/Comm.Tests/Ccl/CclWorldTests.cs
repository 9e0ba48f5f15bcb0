using System.Globalization;

namespace Lean.Comm.Tests;

/// <summary>Ranks with devices, by stand-ins for NCCL and oneCCL that move data between threads and check every call.</summary>
[Collection(nameof(StandInDevices))]
public sealed class CclWorldTests
{
    private static int s_worlds;

    public static TheoryData<CclKind> Kinds => [CclKind.Nccl, CclKind.OneCcl];

    /// <summary>How many random schedules are run; bench/schedules.sh asks for more.</summary>
    private static int Schedules => int.TryParse(Environment.GetEnvironmentVariable("LEAN_COMM_SCHEDULES"), NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 40;

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Random_schedules_give_what_loopback_gives(CclKind kind)
    {
        StandInDevices all = StandInDevices.Of(kind);
        for (int seed = 0; seed < Schedules; seed++)
        {
            Schedule schedule = Schedule.Of(seed);
            ulong[] results = new ulong[schedule.Layout.Ranks];
            using (CclWorld world = World(all, schedule.Layout, mostExchanged: seed % 2 == 0 ? 0 : 200))
            {
                world.Run(collectives =>
                {
                    // What works in host memory serves a device through it, every other time.
                    using StandInDevice? device = kind == CclKind.OneCcl && seed % 2 == 0 ? new StandInDevice(all, schedule.Layout, collectives.Rank) : null;
                    device?.Enter();
                    using StagedCollectives? staged = device is null ? null : new StagedCollectives(collectives, device);
                    var rank = new ScheduledRank(staged ?? collectives, schedule);
                    rank.Run();
                    results[collectives.Rank] = rank.Result;
                });
            }

            Assert.Equal(LoopbackTests.Run(schedule, null), results);
            Assert.Empty(all.Report());
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_collective_of_every_group_passes_the_self_test(CclKind kind)
    {
        StandInDevices all = StandInDevices.Of(kind);
        foreach (ParallelLayout layout in new ParallelLayout[] { new(1, 1, false), new(2, 1, false), new(2, 2, true), new(1, 4, true), new(3, 2, false) })
        {
            using (CclWorld world = World(all, layout))
            {
                world.Run(CommSelfTest.Run);
                int count = CommSelfTest.Plan(layout).Entries.Length;
                Assert.All(Enumerable.Range(0, layout.Ranks), rank =>
                {
                    RankReport report = world[rank].Recorder.Report();
                    Assert.Equal(count, report.Records.Length);
                    Assert.All(report.Records, static r => Assert.NotEqual(0, r.Finished));

                    // Where the library works in host memory it says when all have come, and how long ranks waited is known.
                    Assert.All(report.Records, r => Assert.Equal(kind == CclKind.OneCcl, r.Started != 0));
                    Assert.Equal(kind == CclKind.OneCcl ? count : 0, world.Ranks()[rank].Waits.Count);
                });
            }

            Assert.Empty(all.Report());
        }
    }

    internal static CclWorld World(StandInDevices all, ParallelLayout layout, int mostExchanged = 0, Action<StandInDevice>? made = null, TimeSpan? limit = null)
    {
        int number = Interlocked.Increment(ref s_worlds);
        return new CclWorld(layout, all.Library, rank =>
        {
            if (all.Library.Kind == CclKind.OneCcl)
            {
                return null;
            }

            var device = new StandInDevice(all, layout, rank, mostExchanged, number);
            made?.Invoke(device);
            return device;
        }, limit);
    }
}
