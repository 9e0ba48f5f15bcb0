using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Scoring;
using Lean.Engine.Tests.Forward;
using Lean.Tensors;

namespace Lean.Engine.Tests.Ranks;

/// <summary>What does not divide evenly is divided unevenly, and what cannot be divided is refused in one sentence.</summary>
public sealed class UnevenTests
{
    public static TheoryData<string, string, int, int, bool> Shapes => new()
    {
        // One KV head for all, with seven query heads; a width and a vocabulary that do not divide; a tied head.
        { "qwen3_5_text", """{"num_attention_heads":7,"num_key_value_heads":1,"intermediate_size":77,"vocab_size":333,"tie_word_embeddings":true}""", 2, 1, false },
        { "qwen3_5_text", """{"num_attention_heads":7,"num_key_value_heads":1,"intermediate_size":77,"vocab_size":333,"tie_word_embeddings":true}""", 4, 1, false },

        // More KV heads and key heads than ranks, some ranks with one more.
        { "qwen3_5_text", """{"num_attention_heads":6,"num_key_value_heads":3,"linear_num_key_heads":3,"linear_num_value_heads":9,"intermediate_size":11}""", 2, 1, false },
        { "qwen3_next", """{"num_attention_heads":8,"num_key_value_heads":4,"linear_num_key_heads":5,"linear_num_value_heads":15,"moe_intermediate_size":33}""", 3, 1, false },

        // Key heads shared by ranks, whose value heads do not divide.
        { "qwen3_next", """{"num_attention_heads":6,"linear_num_key_heads":1,"linear_num_value_heads":5}""", 2, 2, true },

        // More ranks than experts, and experts that do not divide; dense layers beside them.
        { "qwen3_next", """{"num_hidden_layers":4,"decoder_sparse_step":2,"intermediate_size":80,"num_experts":3,"num_experts_per_tok":3}""", 2, 2, true },
        { "qwen3_5_moe_text", """{"num_experts":5,"num_experts_per_tok":2,"shared_expert_intermediate_size":7}""", 2, 3, true },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Uneven_slices_compute_the_model(string family, string changes, int tensor, int replicas, bool expert)
    {
        using MadeCheckpoint made = MadeCheckpoint.Write(OtherShapesTests.Config(family, changes));
        var layout = new ParallelLayout(tensor, replicas, expert);
        int[][] texts = Layouts.Texts(made.Folder, [.. new[] { 67, 5, 0 }[..replicas]]);
        Dictionary<string, float[]>[] found = Layouts.Score(made.Folder, layout, texts, Layouts.Everything);
        Layouts.MustBeNear(Layouts.Alone(made.Folder, texts[0], Layouts.Everything), found[0], Layouts.Near, $"{layout}");
        Layouts.MustBe(found[0], Layouts.Score(made.Folder, layout, texts, Layouts.Everything, delaySeed: 2)[0], $"{layout}, again");
        ScoreOptions exchanged = Layouts.Everything with { Dispatch = DispatchKind.Exchange };
        Layouts.MustBe(found[0], Layouts.Score(made.Folder, layout, texts, exchanged)[0], $"{layout}, rows only to ranks that need them");
    }

    [Theory]
    [InlineData("{}", 3, "attention, 4 heads on 2 key/value heads, cannot be divided between 3 ranks: it has 2 groups of heads, expected at least 3, or a number that divides 3")]
    [InlineData("{}", 8, "attention, 4 heads on 2 key/value heads, cannot be divided between 4 ranks: it has only 2 units (heads, rows or columns) that can part")]
    [InlineData("""{"linear_num_key_heads":3,"linear_num_value_heads":9}""", 4, "Gated DeltaNet, 9 heads on 3 key heads, cannot be divided between 4 ranks: it has 3 groups of heads, expected at least 4, or a number that divides 4")]
    [InlineData("""{"moe_intermediate_size":3}""", 4, "an expert's width, 3, cannot be divided between 4 ranks: it has only 3 units (heads, rows or columns) that can part")]
    public void What_cannot_be_divided_is_refused_by_its_sizes(string changes, int tensor, string expected)
    {
        using MadeCheckpoint made = MadeCheckpoint.Write(OtherShapesTests.Config("qwen3_next", changes));
        using var world = new LoopbackWorld(new ParallelLayout(tensor, 1, expert: false));
        Assert.Equal(expected, Assert.Throws<InputException>(() => ParallelScorer.Score(made.Folder, world, [[1, 2, 3]], new ScoreOptions())).Message);
    }
}
