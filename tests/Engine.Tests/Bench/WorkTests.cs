using Lean.Engine.Bench;
using Lean.Engine.Bench.Ops;
using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Bench;

/// <summary>What a launch must move and compute, counted by hand at the shapes of Qwen3.5-35B-A3B.</summary>
public sealed class WorkTests
{
    private static readonly KernelSet Reference = ReferenceKernels.Create(DType.BF16);

    [Fact]
    public void A_linear_reads_its_weights_once_and_each_row_once()
    {
        Work work = new LinearBench("in_proj", 12_352, 2048, rows: 16, RowClass.Generated).Work;
        Assert.Equal((2 * 12_352 * 2048) + (4 * 16 * (2048 + 12_352)), work.Bytes);
        Assert.Equal(2.0 * 16 * 12_352 * 2048, work.Flops);
    }

    [Fact]
    public void A_norm_moves_four_rows_and_its_weight()
    {
        Work work = new AddRmsNormBench(2048, rows: 4).Work;
        Assert.Equal((4 * 4 * 4 * 2048) + (4 * 2048), work.Bytes);
        Assert.Equal(5.0 * 4 * 2048, work.Flops);
    }

    [Fact]
    public void A_generated_row_reads_and_writes_the_state_of_its_sequence_and_a_prompt_that_of_one()
    {
        var heads = new DeltaRuleShape(16, 32, 128, 128);
        const double state = 32 * 128 * 128, row = 4 * (8192 + 4096 + 64);
        Work decode = new DeltaRuleBench(heads, 64, RowClass.Generated, DType.F32).Work, prompt = new DeltaRuleBench(heads, 2048, RowClass.Prompt, DType.F32).Work;
        Assert.Equal(64 * ((2 * 4 * state) + row), decode.Bytes);
        Assert.Equal((2 * 4 * state) + (2048 * row), prompt.Bytes);
        Assert.Equal(7 * state * 64, decode.Flops);
        Assert.Equal(7 * state * 2048, prompt.Flops);
        Assert.Equal((2 * 4 * state) + (2048 * ((2 * (8192 + 4096)) + (4 * 64))), new DeltaRuleBench(heads, 2048, RowClass.Prompt, DType.BF16).Work.Bytes);
    }

    [Theory]
    [InlineData(DType.BF16, 2)]
    [InlineData(DType.F32, 4)]
    public void Attention_reads_the_context_of_every_sequence_in_the_cache_type(DType cache, int size)
    {
        var heads = new AttentionShape(16, 2, 256);
        Work decode = new AttentionBench(heads, 4096, cache, 4, RowClass.Generated, 1 << 20).Work;
        Assert.Equal((2.0 * 4 * 4096 * 2 * 256 * size) + (3 * 4 * 4 * 16 * 256), decode.Bytes);
        Assert.Equal(4.0 * 4 * 4096 * 16 * 256, decode.Flops);

        // A prompt reads one context, and each row meets those before it and itself.
        Work prompt = new AttentionBench(heads, 4096, cache, 100, RowClass.Prompt, 1 << 20).Work;
        Assert.Equal((2.0 * 100 * 2 * 256 * size) + (3 * 4 * 100 * 16 * 256), prompt.Bytes);
        Assert.Equal(4.0 * 16 * 256 * (100 * 101 / 2), prompt.Flops);
    }

    [Fact]
    public void Experts_count_those_that_a_routing_touches()
    {
        var one = new ExpertsBench(Reference, 2048, 512, 256, 8, rows: 1, RowClass.Generated);
        Assert.Equal(8, one.ExpertsTouched);
        Assert.Equal((8.0 * 3 * 512 * 2048 * 2) + (4 * ((2 * 2048) + 16)), one.Work.Bytes);
        Assert.Equal(6.0 * 8 * 512 * 2048, one.Work.Flops);

        // Of 256, 64 rows of 8 touch 256 (1 − (1 − 8/256)^64) = 222.4 in the mean.
        double touched = new ExpertsBench(Reference, 2048, 512, 256, 8, rows: 64, RowClass.Generated).ExpertsTouched!.Value;
        Assert.InRange(touched, 219, 226);
    }

    [Fact]
    public void A_routing_gives_every_row_distinct_experts()
    {
        (int[] routing, double touched) = ExpertsBench.Route(experts: 12, topK: 5, rows: 40, turns: 3);
        Assert.Equal(3 * 40 * 5, routing.Length);
        Assert.All(routing.Chunk(5), row => Assert.Equal(5, row.Distinct().Count()));
        Assert.All(routing, expert => Assert.InRange(expert, 0, 11));
        Assert.Equal(12, touched);
    }

    [Fact]
    public void The_plan_holds_every_op_at_every_number_of_rows_once()
    {
        (string, ModelConfig)[] models = [.. ((string[])["qwen3.5-35b-a3b", "qwen3-next-80b-a3b"]).Select(static n => (n, SyntheticModels.Get(n, null)))];
        var plan = OpPlan.Make(models, Reference, [1, 256, 2048], null, [4096, 32_768], 1 << 20, null);
        string[] ops = [.. plan.Entries.Select(static e => e.Bench.Name).Distinct()];
        Assert.Equal(
            ["embedding", "add_rms_norm", "part_sum", "in_proj", "causal_convolution", "gated_delta_rule", "gated_rms_norm", "generated_delta_net", "out_proj", "qkv_proj", "rotary_table",
                "prepare_attention", "paged_attention", "o_proj", "router", "expert_router", "grouped_experts", "shared_expert", "expert_mixture", "gather_rows", "lm_head",
                "greedy_pick", "merge_picks", "place_rows", "accept_drafts", "follow_rows", "place_drafts", "draw_numbers", "sample_tokens", "top_log_probabilities", "log_probabilities", "adjust_logits", "mask_logits"],
            ops);

        // The models share all but what depends on the vocabulary and the experts.
        Assert.Equal(2, Assert.Single(plan.Entries, static e => e.Bench is { Name: "in_proj", Rows: 1 }).Models.Count);
        Assert.Equal(2, plan.Entries.Count(static e => e.Bench is { Name: "grouped_experts", Rows: 1 }));
        Assert.Equal(2, plan.Entries.Count(static e => e.Bench is { Name: "paged_attention", Rows: 256 }));
        Assert.Equal(RowClass.Generated, Assert.Single(plan.Entries, static e => e.Bench is { Name: "out_proj", Rows: 256 }).Bench.Class);
        Assert.Equal(RowClass.Prompt, Assert.Single(plan.Entries, static e => e.Bench is { Name: "paged_attention", Rows: 2048 }).Bench.Class);
        Assert.Equal(plan.Entries.Count, plan.Entries.DistinctBy(static e => (e.Bench.Name, e.Bench.Shape, e.Bench.Rows, e.Bench.Class)).Count());
        Assert.Empty(plan.Missing);
    }

    [Fact]
    public void The_filter_takes_names_and_shapes()
    {
        (string, ModelConfig)[] models = [(SyntheticModels.SmallName, SyntheticModels.Small())];
        var plan = OpPlan.Make(models, Reference, [1], null, [100], 1 << 20, "PROJ");
        Assert.Equal(["in_proj", "out_proj", "qkv_proj", "o_proj"], plan.Entries.Select(static e => e.Bench.Name));
        Assert.Equal("lm_head", Assert.Single(OpPlan.Make(models, Reference, [1], null, [100], 1 << 20, "2048×256").Entries, static e => e.Bench is LinearBench).Bench.Name);
        string message = Assert.Throws<InputException>(() => OpPlan.Make(models, Reference, [1], null, [100], 1 << 20, "nothing")).Message;
        Assert.Contains("'nothing'", message, StringComparison.Ordinal);
        Assert.Contains("grouped_experts", message, StringComparison.Ordinal);
    }
}
