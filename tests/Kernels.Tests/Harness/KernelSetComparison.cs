namespace Lean.Kernels.Tests;

/// <summary>Every case of every op, and two kernel sets against each other on all of them.</summary>
public static class KernelSetComparison
{
    /// <summary>The cases by op.</summary>
    public static IReadOnlyList<(string Op, IEnumerable<OpCase> Cases)> All { get; } =
    [
        ("embedding", EmbeddingCases.Lookup()),
        ("gather_rows", EmbeddingCases.Gather()),
        ("add_rms_norm", NormCases.Add()),
        ("part_sum", PartSumCases.All()),
        ("gated_rms_norm", NormCases.Gated()),
        ("linear", LinearCases.All()),
        ("rotary_table", RotaryCases.Table()),
        ("prepare_attention", RotaryCases.Prepare()),
        ("paged_attention", AttentionCases.All()),
        ("causal_convolution", ConvolutionCases.All()),
        ("gated_delta_rule, prompt", DeltaRuleCases.All(RowClass.Prompt)),
        ("gated_delta_rule, generated", DeltaRuleCases.All(RowClass.Generated)),
        ("expert_router", ExpertCases.Router()),
        ("grouped_experts", ExpertCases.Grouped()),
        ("gated_mlp", MlpCases.All()),
        ("greedy_pick", GreedyCases.All()),
        ("merge_picks", RankPickCases.All()),
        ("adjust_logits", AdjustCases.All()),
        ("sample_tokens", SamplingCases.All()),
        ("log_probabilities", LogProbabilityCases.Chosen()),
        ("top_log_probabilities", LogProbabilityCases.Top()),
    ];

    /// <summary>Fails where the sets differ in a bit of any case of the ops named; all ops where none is named.</summary>
    public static void AssertBitEqual(KernelSet expected, KernelSet actual, params string[] ops)
    {
        var failures = new Failures();
        foreach ((string op, IEnumerable<OpCase> cases) in All.Where(entry => ops.Length == 0 || ops.Contains(entry.Op)))
        {
            foreach (OpCase test in cases)
            {
                failures.Try($"{op} {test.Name}", () => Compare.Bits(test.On(expected), test.On(actual)));
            }
        }

        failures.Assert();
    }
}
