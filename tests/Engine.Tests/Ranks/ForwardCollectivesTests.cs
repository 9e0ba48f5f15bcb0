using System.Collections.Concurrent;
using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Tests.Forward;

namespace Lean.Engine.Tests.Ranks;

/// <summary>The collectives of a step follow from layout, model and row counts, and are what layers issue.</summary>
public sealed class ForwardCollectivesTests
{
    [Fact]
    public void A_step_of_26_and_30_rows_reads_like_this()
    {
        ModelConfig config = ModelConfigReader.Read(Layouts.Folder("qwen3.5-moe"));
        var layout = new ParallelLayout(2, 2, expert: true);
        StepRows rows = StepRows.Ragged(26, 30);
        CollectivePlan plan = new ForwardCollectives(layout, config).Model(rows).Logits([1, 2]).Plan(rows);
        string[] expected =
        [
            "all_reduce, embedding: f32 rows [26, 26, 30, 30] of 64 over tp",
            "all_reduce, layer 0, gated deltanet: f32 rows [26, 26, 30, 30] of 64 over tp",
            "all_gather, layer 0, dispatch: i8 rows [13, 13, 15, 15] of 272 over ep",
            "reduce_scatter, layer 0, combine: f32 rows [13, 13, 15, 15] of 64 over ep",
            "all_gather, layer 0, combine: f32 rows [13, 13, 15, 15] of 64 over tp",
            "all_reduce, layer 0, shared expert: f32 rows [26, 26, 30, 30] of 64 over tp",
        ];
        Assert.Equal(expected, plan.Entries.Take(expected.Length).Select(static e => e.ToString()));
        Assert.Equal("all_reduce, layer 3, attention: f32 rows [26, 26, 30, 30] of 64 over tp", plan.Entries[16].ToString());
        Assert.Equal("all_gather, head: f32 rows [128, 128, 256, 256] of 1 over tp", plan.Entries[^1].ToString());
        Assert.Equal(1 + (4 * 5) + 1, plan.Entries.Length);
        Assert.Equal("i8 rows [15, 15, 15, 15] of 272", Dispatch(StepRows.Uniform(26, 30)));
        Assert.Equal("i8 rows [0, 0, 1, 0] of 272", Dispatch(StepRows.Ragged(0, 1)));

        string Dispatch(StepRows counts) => new ForwardCollectives(layout, config).Model(counts).Plan(counts).Entries
            .First(static e => e.Purpose == CollectivePurpose.Dispatch).ToString().Split(": ")[1].Split(" over")[0];
    }

    [Fact]
    public void Rows_go_only_to_ranks_that_need_them_where_that_halves_what_travels()
    {
        // 128 experts of which 8 are chosen, 2048 wide.
        ModelConfig config = ModelConfigReader.Read(Layouts.Folder("qwen3.5-moe")) with { Hidden = 2048, Experts = 128, TopK = 8 };
        string[] exchanged =
        [
            "all_gather, layer 0, dispatch counts: i32 rows [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] of 32 over ep",
            "all_to_all, layer 0, dispatch: i8 rows [16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, …] of 8256 over ep",
            "all_to_all, layer 0, combine: f32 rows [16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, …] of 2048 over ep",
        ];
        Assert.Equal(exchanged, Layer(16, 16));
        Assert.Equal("all_gather, layer 0, dispatch", Layer(16, 8)[0].Split(':')[0]);
        Assert.Equal("all_gather, layer 0, dispatch", Layer(4, 4096)[0].Split(':')[0]);
        Assert.Equal(exchanged[0], Layer(16, 1, DispatchKind.Exchange)[0]);
        Assert.Equal("all_gather, layer 0, dispatch", Layer(16, 4096, DispatchKind.Gather)[0].Split(':')[0]);

        string[] Layer(int replicas, int rowsOfEach, DispatchKind kind = DispatchKind.Automatic)
        {
            StepRows rows = StepRows.Ragged([.. Enumerable.Repeat(rowsOfEach, replicas)]);
            return
            [
                .. new ForwardCollectives(new ParallelLayout(1, replicas, expert: true), config, kind).Model(rows).Plan(rows).Entries
                    .Where(static e => e.Layer == 0 && e.Purpose is CollectivePurpose.DispatchCounts or CollectivePurpose.Dispatch or CollectivePurpose.Combine)
                    .Select(static e => e.ToString()).Take(3),
            ];
        }
    }

    [Fact]
    public void One_rank_and_replicas_without_expert_parallelism_have_none()
    {
        ModelConfig config = ModelConfigReader.Read(Layouts.Folder("qwen3.5-moe"));
        foreach (ParallelLayout layout in (ParallelLayout[])[new(1, 1, expert: true), new(1, 1, expert: false), new(1, 4, expert: false)])
        {
            StepRows rows = StepRows.Ragged([.. Enumerable.Repeat(7, layout.Data)]);
            Assert.Empty(new ForwardCollectives(layout, config).Model(rows).Draft(rows).Logits(new int[layout.Data]).Plan(rows).Entries);
        }
    }

    [Theory]
    [InlineData("qwen3.5-moe", 2, 2, true)]
    [InlineData("qwen3.5-moe", 4, 1, true)]
    [InlineData("qwen3-next-moe", 1, 3, true)]
    [InlineData("qwen3-next-moe", 2, 2, false)]
    [InlineData("qwen3.5-dense", 4, 2, true)]
    public void Layers_issue_what_was_planned(string model, int tensor, int replicas, bool expert)
    {
        string folder = Layouts.Folder(model);
        var layout = new ParallelLayout(tensor, replicas, expert);
        RankSteps.Text[][] texts = [.. new RankSteps.Text[][] { [Text(9, 7, 1), Text(3, 1, 2)], [], [Text(34, 33, 3)] }[..replicas]];
        var seen = new ConcurrentBag<SeenCollectives>();
        RankSteps.Run(folder, layout, texts, pads: true, wrap: inner =>
        {
            var spy = new SeenCollectives(inner);
            seen.Add(spy);
            return spy;
        });
        ModelConfig config = ModelConfigReader.Read(folder);
        PlannedCollective[] planned = [.. Enumerable.Range(0, RankSteps.Steps(texts)).SelectMany(step => RankSteps.Plan(layout, config, texts, step, pads: true).Entries)];
        Assert.NotEmpty(planned);
        Assert.Equal(layout.Ranks, seen.Count);
        foreach (SeenCollectives rank in seen)
        {
            Assert.Equal(planned.Select(entry => SeenCollectives.Line(entry, rank.Rank, layout.Group(entry.Group, rank.Rank))), rank.Seen);
        }
    }

    private static RankSteps.Text Text(int length, int promptLength, int seed) => new(Prompts.Random(length, 250, seed), promptLength);
}
