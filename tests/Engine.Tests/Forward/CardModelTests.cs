using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Kernels;
using Lean.Kernels.Tests;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

/// <summary>Whole models by the kernels of Hopper, as this binary carries them, on the model of a card: what layers do there and nowhere else.</summary>
public sealed class CardModelTests
{
    // Heads of 128 and 64, so that the delta rule and attention run on matrix units, and rows that the copy engine reaches.
    private const string Heads = """
        {"hidden_size":128,"linear_num_key_heads":1,"linear_num_value_heads":2,"linear_key_head_dim":128,"linear_value_head_dim":128,
         "num_attention_heads":2,"num_key_value_heads":1,"head_dim":64,"moe_intermediate_size":64,"shared_expert_intermediate_size":64}
        """;

    /// <summary>What runs there alone, with the option and without.</summary>
    public static TheoryData<DType, string[]> Kernels => new()
    {
        { DType.F32, ["linear_warpgroup_narrow_split", "delta_rule_walk", "gated_rms_norm_terms", "expert_gate_up_warpgroup_split", "paged_attention_prompt_columns64"] },
        {
            DType.BF16,
            ["linear_warpgroup_mixed_narrow", "causal_convolution_rows_bf16", "delta_rule_walk_rounded_bf16", "gated_rms_norm_terms_rounded_bf16", "linear_warpgroup_narrow_single", "expert_gate_up_warpgroup_rounded",
                "paged_attention_prompt_columns64_rounded"]
        },
    };

    // A prompt that ends inside its second cell: alone, then cut at the grid beside another request.
    [Theory]
    [MemberData(nameof(Kernels))]
    public void Logits_are_as_on_a_cpu_and_a_request_notices_neither_neighbours_nor_cuts(DType activations, string[] kernels)
    {
        using MadeCheckpoint made = MadeCheckpoint.Write(OtherShapesTests.Config("qwen3_5_moe_text", Heads));
        using var cpu = LoadedModel.Open(made.Folder, ComputeDevice.Of(CpuBackends.Open(null, "1"), activations));
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        using var card = LoadedModel.Open(made.Folder, ComputeDevice.Of(stream, activations));
        int[] prompt = Prompts.Random(70, card.Model.Config.Vocabulary, seed: 3), other = Prompts.Random(5, card.Model.Config.Vocabulary, seed: 4);
        using ScoreResult expected = new Scorer(cpu).Score(prompt, new ScoreOptions { Logits = true }), found = new Scorer(card).Score(prompt, new ScoreOptions { Logits = true });
        Tensor logits = expected.Tensors[0].Value, own = found.Tensors[0].Value;
        Assert.Equal(logits.Shape, own.Shape);

        // Random weights choose experts by near ties, which more rounding turns.
        Assert.InRange(ActivationTests.Distance(logits.AsSpan<float>(), own.AsSpan<float>()), 0, activations == DType.F32 ? 1e-3 : 0.2);
        Outcome alone = Prompts.Generate(card, [prompt], 2)[0];
        Prompts.Generate(card, [other, prompt], 2, new EngineOptions { MaxStepTokens = 64 })[1].MustBe(alone, "beside another, in steps of 64");
        Assert.All(kernels, kernel => Assert.Contains(kernel, stream.Ran));
    }
}
