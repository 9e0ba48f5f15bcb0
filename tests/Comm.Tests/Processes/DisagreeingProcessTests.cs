namespace Lean.Comm.Tests;

/// <summary>Four processes by mpirun, of which one submits something else than the others.</summary>
public sealed class DisagreeingProcessTests
{
    [Theory]
    [InlineData("skip")]
    [InlineData("order")]
    [InlineData("count")]
    [InlineData("type")]
    public void A_rank_that_submits_something_else_is_named_by_those_it_meets(string fault)
    {
        RankRun run = RankRun.Mpi($"fault={fault}", "rank=3", "unplanned=1", "watchdog=3");
        Assert.NotEqual(0, run.ExitCode);
        string[] ends = run.Ends();
        Assert.NotEmpty(ends);
        Assert.All(ends, static end => Assert.Matches(@"(rank 3 submitted .* as seq \d of step 2, where ranks? .* submitted )|(rank [0-2] submitted .* as seq \d of step 2.*, where rank 3 submitted )|(rank 3 never submitted)", end));
        ProcessTests.Culprit(run, 3);
    }

    [Theory]
    [InlineData("plan", @"the plan of rank 1 for step 2 is not that of rank 0: seq 3 is all_gather")]
    [InlineData("stray", @"rank 1 came to all_gather.* as seq 3 of step 2, where the plan has ")]
    public void A_rank_with_another_plan_or_that_strays_from_it_is_named_by_all(string fault, string why)
    {
        RankRun run = RankRun.Mpi($"fault={fault}", "rank=1", "watchdog=10");
        Assert.NotEqual(0, run.ExitCode);
        Assert.Equal(4, run.Ends().Length);
        Assert.All(run.Ends(), end => Assert.Matches($@"^rank \d ends: {why}", end));
        ProcessTests.Culprit(run, 1);
    }
}
