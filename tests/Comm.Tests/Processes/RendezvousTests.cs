namespace Lean.Comm.Tests;

/// <summary>Processes that never get as far as the first collective.</summary>
public sealed class RendezvousTests
{
    private const string Secret = "a secret that all ranks know";

    [Fact]
    public void A_rank_that_never_starts_is_named_by_all_others()
    {
        RankRun run = RankRun.Torch([0, 1, 3], 4, static _ => Secret, "rendezvous=6");
        Assert.Equal(1, run.ExitCode);
        string[] ends = run.Ends();
        Assert.Equal(3, ends.Length);
        Assert.All(ends, static end => Assert.Matches(@"ends: rank 2 of 4 never came within 6 s; ranks 0, 1, 3 are there \(see lean diagnose .*\.ring\)$", end));
        ProcessTests.Culprit(run, 2);
    }

    [Fact]
    public void Two_builds_are_not_mixed()
    {
        RankRun run = RankRun.Torch([0, 1, 2], 3, static _ => Secret, "tp=3", "dp=1", "rank=2", "build=other/build");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(3, run.Ends().Length);
        Assert.All(run.Ends(), static end => Assert.Contains("ends: rank 2 runs build other/build, rank 0 runs build this/build: all ranks must run the same build", end, StringComparison.Ordinal));
        ProcessTests.Culprit(run, 2);
    }

    [Fact]
    public void A_rank_without_the_secret_is_told_so_and_counts_for_nothing()
    {
        RankRun run = RankRun.Torch([0, 1], 2, static rank => rank == 0 ? Secret : "another secret altogether", "tp=2", "dp=1", "rendezvous=4");
        Assert.Matches(@"^rank 0 ends: rank 1 of 2 never came within 4 s; rank 0 is there \(see lean diagnose .*\.ring\)$", run.Ends()[0]);
        Assert.Matches(@"^rank 1 ends: whoever answers at 127.0.0.1:\d+ does not know this run's secret: LEAN_COMM_SECRET must be the same for all ranks$", run.Ends()[1]);
        Assert.Contains("LEAN_COMM_SECRET must be set", RankRun.Torch([0], 2, static _ => null, "tp=2", "dp=1").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Ranks_that_no_launcher_of_MPI_started_are_told_who_can()
    {
        RankRun run = RankRun.Torch([0, 1], 2, static _ => Secret, "tp=2", "dp=1");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(run.Ends(), static end => end.EndsWith(
            "torchrun started 2 processes that MPI knows nothing of: between CPUs tensors travel by MPI, so start them with mpirun or srun, or one process whose ranks are threads (--comm loopback)",
            StringComparison.Ordinal));
    }

    [Fact]
    public void A_layout_of_another_size_is_refused() =>
        Assert.Equal(["rank 0 ends: TP 2 × DP 2 + EP needs 4 processes, but torchrun started 2"], RankRun.Torch([0], 2, static _ => Secret).Ends());
}
