using System.Globalization;

namespace Lean.Comm.Tests;

/// <summary>
/// Four processes with devices, by torchrun's variables alone or by mpirun, over stand-ins for NCCL and oneCCL: the same results
/// as threads, and what happens when one of them misbehaves.
/// </summary>
public sealed class CclProcessTests
{
    private const string Secret = "a secret that all ranks know";

    private static readonly ParallelLayout s_layout = new(tensor: 2, data: 2, expert: true);

    [Theory]
    [InlineData("nccl")]
    [InlineData("oneccl")]
    public void Processes_get_what_threads_get(string comm)
    {
        RankRun run = Torch(comm, "seeds=3", "steps=4");
        Assert.True(run.ExitCode == 0, run.Error);
        string[] expected = [.. Enumerable.Range(1, 3).SelectMany(seed => LoopbackTests.Run(Schedule.Of(seed, s_layout, 4, 6), null)
            .Select((result, rank) => string.Create(CultureInfo.InvariantCulture, $"rank={rank} seed={seed} result={result:x16}")))];
        Assert.Equal(expected.Order(StringComparer.Ordinal), run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        Assert.Empty(run.Dumps);
    }

    [Fact]
    public void Under_mpirun_MPI_brings_them_together()
    {
        RankRun run = Use("nccl", library => RankRun.Mpi($"library={library}", "comm=nccl", "seeds=1", "steps=2"));
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(4, run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Theory]
    [InlineData("kill", 2, @"rank 2 is gone \(its process ended\); ranks? .* wait.* in seq \d+ \(.*\) of step 2 since")]
    [InlineData("plan", 1, "the plan of rank 1 for step 2 is not that of rank 0: seq 3 is all_gather")]
    public void A_rank_that_misbehaves_is_named_by_all_others(string fault, int rank, string why)
    {
        RankRun run = Torch("nccl", $"fault={fault}", $"rank={rank}", "watchdog=10");
        Assert.NotEqual(0, run.ExitCode);
        string[] ends = run.Ends();
        Assert.All(ends, end => Assert.Matches($@"^rank \d ends: {why}", end));
        Assert.Equal(Enumerable.Range(0, 4).Where(r => r != rank), ends.Select(static e => e[5] - '0').Where(r => r != rank));
        ProcessTests.Culprit(run, rank);
    }

    [Fact]
    public void A_rank_without_a_device_ends_all_before_they_join()
    {
        RankRun run = Torch("nccl", "fault=device", "rank=2", "watchdog=10");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(4, run.Ends().Length);
        Assert.All(run.Ends(), static end => Assert.Matches(@"^rank \d ends: the device of rank 2 is taken", end));
    }

    [Fact]
    public void Without_an_abort_processes_say_why_and_end()
    {
        RankRun run = Torch("oneccl", "fault=kill", "rank=2", "watchdog=10");
        Assert.NotEqual(0, run.ExitCode);
        foreach (int rank in new[] { 0, 1, 3 })
        {
            Assert.Matches($@"rank {rank} ends: rank 2 is gone \(its process ended\); ranks? .* wait.* in seq \d+ \(.*\) of step 2 since", run.Error);
        }
    }

    private static RankRun Torch(string comm, params string[] arguments) => Use(comm, library =>
        RankRun.Torch([0, 1, 2, 3], 4, static _ => Secret, [$"library={library}", $"comm={comm}", .. arguments]));

    private static RankRun Use(string comm, Func<string, RankRun> run)
    {
        using var standIn = new StandInLibrary("ccl_processes.c", comm == "oneccl" ? ["-DONECCL"] : []);
        return run(standIn.File);
    }
}
