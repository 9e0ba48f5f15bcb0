using System.Collections.Immutable;
using Lean.Comm;
using Lean.Tensors;

namespace Lean.Aot.Tests;

/// <summary><c>lean diagnose</c> on dumps made here.</summary>
public sealed class DiagnoseTests
{
    private const long Second = 1_000_000_000;
    private static readonly ParallelLayout s_layout = new(tensor: 2, data: 2, expert: true);

    [Fact]
    public void The_verdict_comes_first_then_where_each_rank_is()
    {
        string[] lines = Diagnose(rank => rank == 2
            ? new RankReport(rank, RankState.Answered, 100 * Second, [Record(1206, 212, CollectivePurpose.Combine, 87 * Second, 87 * Second)])
            : new RankReport(rank, RankState.Answered, 100 * Second, [Record(1206, 212, CollectivePurpose.Combine, 87 * Second, 87 * Second), Record(1207, 41, CollectivePurpose.Dispatch, 88 * Second, 0)]));
        Assert.Equal(
            "rank 2 never submitted seq 41 (all_gather, layer 11, dispatch) of step 1207; ranks 0, 1, 3 wait there since 12.0 s; rank 2 is at step 1206, seq 212 (all_gather, layer 11, combine), finished 13.0 s ago",
            lines[0]);
        Assert.Equal("1970-01-01 00:00:00 UTC, TP 2 × DP 2 + EP by mpi, build 0.1.0/test", lines[2]);
        Assert.Equal("collected because rank 0 waited 12 s", lines[3]);
        Assert.Equal("   0  1207    41  ep     all_gather, layer 11, dispatch             13 of 56      2048  bf16   12000.0 ms ago  12000.0 ms ago  never  never", lines[6]);
        Assert.StartsWith("   2  1206   212  ep     all_gather, layer 11, combine", lines[8], StringComparison.Ordinal);
        Assert.Equal(10, lines.Length);
    }

    [Fact]
    public void Ranks_that_did_not_answer_are_listed_and_terminals_are_safe()
    {
        string[] lines = Diagnose(rank => new RankReport(rank, (RankState)rank, 3 * Second, []), "\u001b[2J");
        Assert.Equal("rank 3 of 4 never came", lines[0]);
        Assert.Equal("collected because ·[2J", lines[3]);
        Assert.Equal(["   0  has submitted nothing", "   1  silent for 3000 ms", "   2  gone", "   3  never came"], lines[6..]);
    }

    private static FlightRecord Record(long step, int seq, CollectivePurpose purpose, long submitted, long finished) => new(
        step, seq, CollectiveKind.AllGather, GroupKind.Expert, DType.BF16, purpose, 11, 13, 56, 2048, (ulong)seq, submitted, submitted, finished, finished);

    private static string[] Diagnose(Func<int, RankReport> report, string reason = "rank 0 waited 12 s")
    {
        using var folder = new TemporaryFolder();
        ImmutableArray<RankReport> reports = [.. Enumerable.Range(0, s_layout.Ranks).Select(report)];
        new FlightDump(DateTimeOffset.UnixEpoch, "0.1.0/test", s_layout, "mpi", reason, reports).Save(folder.At("dump"));
        return LeanRun.Of("diagnose", folder.At("dump")).Good().Output.TrimEnd('\n').Split('\n');
    }
}
