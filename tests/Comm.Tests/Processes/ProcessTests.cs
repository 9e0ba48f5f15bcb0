using System.Collections.Immutable;
using System.Globalization;

namespace Lean.Comm.Tests;

/// <summary>Four processes by mpirun: the same results as threads, and what happens when one of them misbehaves.</summary>
public sealed class ProcessTests
{
    private static readonly ParallelLayout s_layout = new(tensor: 2, data: 2, expert: true);

    [Fact]
    public void Processes_get_what_threads_get_also_when_a_rank_is_late_below_the_limit()
    {
        RankRun run = RankRun.Mpi("seeds=5", "steps=4", "fault=delay", "rank=2", "delay=0.2");
        Assert.True(run.ExitCode == 0, run.Error);
        string[] expected = [.. Enumerable.Range(1, 5).SelectMany(seed => LoopbackTests.Run(Schedule.Of(seed, s_layout, 4, 6), null)
            .Select((result, rank) => string.Create(CultureInfo.InvariantCulture, $"rank={rank} seed={seed} result={result:x16}")))];
        Assert.Equal(expected.Order(StringComparer.Ordinal), run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        Assert.Empty(run.Dumps);
    }

    // Every kind of collective is met by a process that is gone, or that stands still: the schedule has them at these places.
    [Theory]
    [InlineData("kill", 2, CollectiveKind.AllGather)]
    [InlineData("kill", 3, CollectiveKind.AllReduce)]
    [InlineData("kill", 1, CollectiveKind.AllToAll)]
    [InlineData("kill", 2, CollectiveKind.SendReceive)]
    [InlineData("stop", 2, CollectiveKind.AllGather)]
    [InlineData("stop", 1, CollectiveKind.ReduceScatter)]
    [InlineData("stop", 3, CollectiveKind.Broadcast)]
    [InlineData("delay", 1, CollectiveKind.AllGather)]
    public void A_rank_that_is_killed_stopped_or_late_is_named_by_all_others(string fault, int rank, CollectiveKind kind)
    {
        (int seed, int index) = Place(kind);
        RankRun run = RankRun.Mpi($"fault={fault}", $"rank={rank}", $"watchdog={Watchdog(fault)}", "delay=600", $"seed={seed}", $"index={index}");
        string why = fault switch
        {
            "kill" => $@"rank {rank} is gone \(its process ended\); ranks? .* wait.* in seq \d+ \(.*\) of step 2 since",
            "stop" => $@"rank {rank} does not answer since \d+\.\d s \(stopped, or out of reach\); ranks? .* wait.* in seq \d+ \(.*\) of step 2 since",
            _ => $@"rank {rank} never submitted seq {index + 1} \(.*\) of step 2; ranks? .* wait.* there since \d+\.\d s; rank {rank} is at step 2, seq {index} ",
        };
        Assert.NotEqual(0, run.ExitCode);
        string[] ends = run.Ends();
        Assert.All(ends, end => Assert.Matches($@"^rank \d ends: {why}.*see lean diagnose .*\.ring\)$", end));
        Assert.Equal(Enumerable.Range(0, 4).Where(r => r != rank), ends.Select(static e => e[5] - '0').Where(r => r != rank));
        Culprit(run, rank);
    }

    // mpirun ends all others as soon as one has ended: here while rank 0 has the verdict and has not said it yet.
    [Fact]
    public void A_rank_that_is_told_to_end_still_says_the_verdict()
    {
        RankRun run = RankRun.Mpi("fault=stop", "rank=2", $"watchdog={Watchdog("stop")}", "slow=0");
        Assert.Matches(@"^rank 0 ends: rank 2 does not answer since", run.Ends()[0]);
    }

    [Theory]
    [InlineData("kill", "is gone \\(its process ended\\)")]
    [InlineData("stop", "does not answer since \\d+\\.\\d s \\(stopped, or out of reach\\)")]
    public void A_coordinator_that_is_killed_or_stopped_is_named_by_every_member(string fault, string why)
    {
        RankRun run = RankRun.Mpi($"fault={fault}", "rank=0", $"watchdog={Watchdog(fault)}");
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(run.Ends(), end => System.Text.RegularExpressions.Regex.IsMatch(end, $@"^rank [123] ends: the coordinator is lost: rank 0 {why}; rank \d waits in seq \d+ \(.*\) of step 2 since"));
        Culprit(run, 0);
    }

    // Seconds: longer than ranks take to start beside each other on a busy machine. Who is killed is noticed at once.
    private static int Watchdog(string fault) => fault == "kill" ? 10 : 3;

    // A collective of all ranks, so that all others wait, and the second one of its step or later.
    private static (int Seed, int Index) Place(CollectiveKind kind)
    {
        for (int seed = 1; ; seed++)
        {
            ImmutableArray<PlannedCollective> entries = Schedule.Of(seed, s_layout, 3, 6).Steps[1].Entries;
            for (int index = 1; index < entries.Length; index++)
            {
                if (entries[index].Kind == kind && s_layout.GroupSize(entries[index].Group) == s_layout.Ranks)
                {
                    return (seed, index);
                }
            }
        }
    }

    internal static void Culprit(RankRun run, int rank)
    {
        Assert.NotEmpty(run.Dumps);
        Assert.Contains(run.Dumps, dump => Verdict.Of(FlightDump.Load(dump)).Culprits.SequenceEqual([rank]));
    }
}
